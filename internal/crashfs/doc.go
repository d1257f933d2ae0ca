// Package crashfs is a simulated disk for tests: a [vfs.FS] in memory that knows what was synced
// and what was not, so it can show what a power cut may leave.
//
// A [Disk] behaves like a file system whose machine stays up. After [Disk.Record] it keeps every
// change. A [Media] steps through such a [Record] change by change. After each change it knows what
// is on stable storage and what may or may not be there, and makes the images that a power cut at
// that moment may leave. So a workload runs once, and can then be crashed at every moment, in every
// possible way.
//
// docs/FORMAT.md 10 says what is assumed of the disk: a 512-byte sector is written whole or not at
// all. What was not synced has, after a crash, any of the versions that it has had since its last
// sync. Each sector of a file, the length of a file, and each change of a directory's names has its
// version independently of the others. A rename may leave both names, but never none. A sync covers
// what was done before it began.
//
// [Disk.Inject] makes calls fail. A sync can also fail so that the pages count as clean: they can
// be read, are not on the disk, and no later sync writes them.
package crashfs
