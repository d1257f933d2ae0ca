// Package codec calls the methods of a user's record types: those that encode, those that decode,
// and the getters. Such a call can end in four ways, and after each of them the log is as it was
// before:
//
//   - It returns, with or without an error.
//   - It panics. Guard makes that an error.
//   - It ends its goroutine with runtime.Goexit, as FailNow of a test does. That cannot be stopped.
//     In a goroutine of the caller, deferred functions give up what the call holds: locks, files,
//     half a save. A goroutine of the log itself runs in InWorker, so that the caller waiting for
//     it gets an error.
//
// A batch that encodes a save calls some getters itself, under one Guard for the whole save.
package codec

import (
	"errors"
	"fmt"
)

// Guard turns a panic into an error, a *PanicError. It is deferred by functions that call methods
// of a user's type.
func Guard(err *error) {
	if r := recover(); r != nil {
		*err = &PanicError{r}
	}
}

// PanicError is the error that a panic of a user's method becomes.
type PanicError struct{ value any }

func (e *PanicError) Error() string { return fmt.Sprintf("it panics: %v", e.value) }

// Unwrap returns the value of the panic if that is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// errGoexit is the cause where a user's method ended a goroutine of the log.
var errGoexit = errors.New("a method of a record ended its goroutine, " +
	"as runtime.Goexit and FailNow do")

// InWorker calls f, which decodes records in a goroutine of the log. If a method of a record ends
// the goroutine, it sets err before the functions run that the goroutine has deferred.
func InWorker(err *error, f func()) {
	returned := false
	defer func() {
		if !returned {
			*err = fmt.Errorf("%w: %w", ErrDecode, errGoexit)
		}
	}()
	f()
	returned = true
}
