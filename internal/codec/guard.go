// Package codec has every call of a method of a user's record types: what encodes, what decodes, what
// asks. Each such call can end in four ways, and after each of them the log is as it was before.
//
//   - It returns, or it returns an error.
//   - It panics. Guard makes that an error.
//   - It ends its goroutine, with runtime.Goexit, as FailNow of a test does. Nothing can stop that.
//     In a goroutine of the caller's, deferred functions give up what the call holds: locks, files,
//     half a save. A goroutine of the log's own runs in InWorker, so that the caller that waits for
//     it gets an error.
package codec

import (
	"errors"
	"fmt"
)

// Guard is deferred around calls of methods of a user's type. It makes a panic an error, a
// *PanicError.
func Guard(err *error) {
	if r := recover(); r != nil {
		*err = &PanicError{r}
	}
}

// PanicError is a panic of a user's method.
type PanicError struct{ value any }

func (e *PanicError) Error() string { return fmt.Sprintf("it panics: %v", e.value) }

// Unwrap returns the value of the panic, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// errGoexit is the cause of an error when a user's method ended a goroutine of the log's.
var errGoexit = errors.New("a method of a record ended its goroutine, as runtime.Goexit and FailNow do")

// InWorker is called in a goroutine of the log's own that decodes records. It calls f, and sets err
// if a method of a record ends the goroutine. What the goroutine has deferred runs after that.
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
