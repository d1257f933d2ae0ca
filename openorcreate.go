package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"go.uber.org/zap"
)

// OpenOrCreate opens the log in dir at its oldest segment, as [Open] does with a nil snapshot, or
// makes a new one if there is none, as [Create] does. If metadata is not nil, a log that is there
// must have the same, or it is somebody else's: the error is then [ErrOtherMetadata], and the
// log was opened and closed: nothing that it holds has changed, but a torn tail was healed and
// space prepared.
//
// It cannot tell a log that was never made from one that was lost, or whose disk is not mounted.
// A program that knows from elsewhere that it has a log uses Open.
func OpenOrCreate(lg *zap.Logger, dir string, metadata []byte, opts ...Option) (*WAL, error) {
	w, err := Open(lg, dir, nil, opts...)
	if errors.Is(err, fs.ErrNotExist) {
		w, err = Create(lg, dir, metadata, opts...)
		if errors.Is(err, fs.ErrExist) { // somebody else has made it in between
			w, err = Open(lg, dir, nil, opts...)
		}
	}
	if err != nil {
		return nil, err
	}
	if got := w.Metadata(); metadata != nil && !bytes.Equal(got, metadata) {
		err := fmt.Errorf("%w: the log in %s has %.100q, not %.100q; give another directory, or nil for any",
			ErrOtherMetadata, dir, got, metadata)
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}
