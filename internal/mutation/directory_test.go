package mutation

func init() {
	table = append(table, []mutation{
		{
			name: "a file is created where the path leads now", file: "internal/vfs/dir_at.go",
			old: "fd, err = unix.Openat(dir, name, flag|unix.O_CLOEXEC|unix.O_NONBLOCK, " +
				"fileutil.PrivateFileMode)",
			new: "fd, err = unix.Open(d.join(name), flag|unix.O_CLOEXEC|unix.O_NONBLOCK, " +
				"fileutil.PrivateFileMode)",
			tests: []string{"TestDirectory_ALogGoesOnInItsOwn"},
		}, {
			name: "a segment is named where the path leads now", file: "internal/vfs/dir_at.go",
			old:   "return unix.Renameat(fd, oldName, fd, newName)",
			new:   "return unix.Rename(d.join(oldName), d.join(newName))",
			tests: []string{"TestDirectory_ALogGoesOnInItsOwn"},
		}, {
			name: "a segment is deleted where the path leads now", file: "internal/vfs/dir_at.go",
			old:   "return unix.Unlinkat(fd, name, 0)",
			new:   "return unix.Unlink(d.join(name))",
			tests: []string{"TestDirectory_ALogGoesOnInItsOwn"},
		}, {
			name: "a pipe in the place of a segment is waited for", file: "internal/vfs/dir_at.go",
			old:   "|unix.O_NONBLOCK, fileutil",
			new:   ", fileutil",
			tests: []string{"TestDirectory_WhatIsNoFileInThePlaceOfASegment"},
		}, {
			name: "what is no regular file is opened", file: "internal/vfs/dir_at.go",
			old:   "if err == nil && !info.Mode().IsRegular() {",
			new:   "if err == nil && info == nil {",
			tests: []string{"TestDirectory_WhatIsNoFileInThePlaceOfASegment"},
		}, {
			name: "a link with the name of a temporary file is followed", file: "internal/vfs/dir_at.go",
			old:   "if err == nil && (s.Mode&unix.S_IFMT != unix.S_IFREG || s.Nlink > 1) {",
			new:   "if err == nil && s.Mode&unix.S_IFMT == unix.S_IFDIR {",
			tests: []string{"TestDirectory_WhatStandsInTheWayOfATemporaryFileIsLeftAlone"},
		}, {
			name: "a deleted directory goes unnoticed", file: "cut.go",
			old:   "case errors.Is(err, vfs.ErrDeleted):",
			new:   "case errors.Is(err, vfs.ErrDeleted) && false:",
			tests: []string{"TestDirectory_ADeletedOneIsTheEndOfItsLog"},
		}, {
			name: "a moved directory is not warned of", file: "cut.go",
			old:   "w.moved.CompareAndSwap(false, true):",
			new:   "w.moved.CompareAndSwap(true, true):",
			tests: []string{"TestDirectory_ALogGoesOnInItsOwn"},
		}, {
			name: "Close does not wait for Purge", file: "close.go",
			old: "\tw.purging.Lock()\n\tdefer w.purging.Unlock()\n\tw.writer.Lock()\n" +
				"\tdefer w.writer.Unlock()\n\tif !w.closed {",
			new:   "\tw.writer.Lock()\n\tdefer w.writer.Unlock()\n\tif !w.closed {",
			tests: []string{"TestDirectory_CloseWaitsForPurgeWhichEnds"},
		}, {
			name: "Purge does not end for Close", file: "release.go",
			old:   "if w.leaving.Load() {",
			new:   "if false {",
			tests: []string{"TestDirectory_CloseWaitsForPurgeWhichEnds"},
		},
	}...)
}

func init() {
	table = append(table, mutation{
		name: "an error names the file as it was made", file: "segment.go",
		old:   "\tf.Renamed(n.String())\n",
		new:   "",
		tests: []string{"TestErrors_NameAFileThatExists"},
	})
}
