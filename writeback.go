package wal

// writeBackStep is how much is written without a sync before the device is told to
// take it, in bytes.
const writeBackStep = 1 << 20

// writeBack has the device begin with what a batch that is not synced completed. Else
// all of a segment would wait for the sync at its end, and the save that goes on to the
// next segment for that: 30 ms in place of 2, with segments of 64 MiB.
//
// It promises nothing, and takes nothing back: a crash may leave any part of what was not
// synced, with it or without, and an error of the device is that of the next sync, as the
// kernel's own writing back. No byte of a completed step is written again.
func (f *flight) writeBack() {
	done := f.enc.at.off / writeBackStep * writeBackStep
	if end := f.enc.end() / writeBackStep * writeBackStep; end > done {
		f.file.WriteBack(done, end-done)
	}
}
