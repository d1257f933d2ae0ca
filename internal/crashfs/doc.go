// Package crashfs is a simulated disk for tests: a [vfs.FS] in memory that knows
// what was synced and what was not, so that it can show what a power cut may leave.
//
// A [Disk] behaves like a file system whose machine stays up. [Disk.Record] makes it
// keep every change from then on. A [Media] goes through such a [Record] change by
// change and knows, after each, what is on stable storage and what is only perhaps there;
// it makes the images that a power cut at that moment may leave. So a workload
// runs once, and every moment of it can be crashed in as many ways as there are.
//
// What is assumed of the disk is in docs/FORMAT.md 10: a 512-byte sector is written whole or not at
// all. Whatever was not synced comes out in any of the versions it has had since its last sync,
// each thing by itself: every sector of a file, the length of a file, and every change of a
// directory's names. A renaming may leave both names, never none. A sync covers what was done
// before it began.
//
// [Disk.Inject] makes calls fail, also so that the pages of a failed sync count
// as clean: they can be read, are not on disk, and no later sync writes them.
package crashfs
