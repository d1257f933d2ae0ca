package vfs

import "golang.org/x/sys/unix"

// copyRange copies as many of the n bytes as the kernel can copy by itself, and returns how many
// that are. It returns no error: Copy reads and writes the rest, and fails if something is wrong.
func copyRange(to, from File, off, n int64) (done int64) {
	in, ok := from.(osFile)
	out, ok2 := to.(osFile)
	if !ok || !ok2 {
		return 0
	}
	for done < n {
		rpos, wpos := off+done, off+done
		m, err := unix.CopyFileRange(int(in.Fd()), &rpos, int(out.Fd()), &wpos, int(n-done), 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil || m <= 0 {
			return done
		}
		done += int64(m)
	}
	return done
}
