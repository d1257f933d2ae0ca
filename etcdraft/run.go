package etcdraft

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
)

// inFlight is how many messages Run has under way at most.
const inFlight = 256

// Run does the work of the thread that appends, for raft with asynchronous storage writes: it saves
// what the MsgStorageAppend messages of in ask for, several at a time, and delivers the responses
// of each, in order, once that is durable. deliver is called by one goroutine, which is not Run's.
// It must not wait for in to be read.
//
// Run ends when in is closed, with nil, or when ctx is done, with its error. Either way it delivers
// first what it has begun. It also ends with the error of a save, and delivers nothing behind that:
// the node must stop then. Only one Run at a time serves a node.
func (s *Storage) Run(
	ctx context.Context, in <-chan *raftpb.Message, deliver func([]*raftpb.Message),
) error {
	if deliver == nil {
		return fmt.Errorf("etcdraft: %w: no function to deliver the responses", wal.ErrInvalidArgument)
	}
	r := running{flights: make(chan begun, inFlight), failed: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.finish(deliver)
	}()
	err := r.begin(ctx, s, in)
	close(r.flights)
	<-ended
	if r.err != nil { // also where ctx was done meanwhile
		return r.err
	}
	return err
}

// running is a Run: one half begins saves, the other one ends them.
type running struct {
	flights chan begun
	failed  chan struct{} // closed after err was set: a save has failed
	err     error
}

// begun is a save that was begun, and what is to be delivered when it is done.
type begun struct {
	pending   *wal.Pending
	responses []*raftpb.Message
}

// begin begins saves until there is a reason to end.
func (r *running) begin(ctx context.Context, s *Storage, in <-chan *raftpb.Message) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.failed:
			return r.err
		case m, ok := <-in:
			if !ok {
				return nil
			}
			p, err := s.Append(m)
			if err != nil {
				return err
			}
			select {
			case r.flights <- begun{p, m.Responses}:
			case <-r.failed:
				return r.err
			}
		}
	}
}

// finish waits for the saves in order, and delivers. It ends with the first save that fails.
func (r *running) finish(deliver func([]*raftpb.Message)) {
	r.err = errDeliver
	defer func() {
		if r.err != nil {
			close(r.failed)
		}
	}()
	for f := range r.flights {
		if err := f.pending.Wait(); err != nil {
			r.err = err
			return
		}
		if len(f.responses) > 0 {
			deliver(f.responses)
		}
	}
	r.err = nil
}

// errDeliver is the error of a Run whose deliver has ended the goroutine, as FailNow of a test
// does.
var errDeliver = errors.New("etcdraft: deliver has ended its goroutine; nothing more is delivered")
