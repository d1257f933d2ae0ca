// Command queue is a small durable queue of jobs. It shows how to use the log without Raft: it has
// no state and no term, and its changes get their indexes from the log. The queue itself is in
// queue.go.
//
//	go run ./examples/queue DIR add TEXT  adds a job and prints its number
//	go run ./examples/queue DIR next      prints the oldest job that waits
//	go run ./examples/queue DIR done N    takes job N out of the queue
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "queue:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: queue DIR add TEXT | queue DIR next | queue DIR done NUMBER")

// run opens the queue, runs one command on it, and closes it.
func run(args []string, out io.Writer) error {
	wanted := map[string]int{"add": 3, "next": 2, "done": 3}
	if len(args) < 2 || args[0] == "" || len(args) != wanted[args[1]] {
		return errUsage
	}
	q, err := Open(args[0])
	if err != nil {
		return err
	}
	return errors.Join(q.do(args[1:], out), q.Close())
}

// do runs one command.
func (q *Queue) do(args []string, out io.Writer) error {
	switch args[0] {
	case "add":
		number, err := q.Add(args[1])
		if err == nil {
			_, err = fmt.Fprintln(out, number)
		}
		return err
	case "done":
		number, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return errUsage
		}
		return q.Done(number)
	}
	number, text, ok := q.Next()
	if !ok {
		return errors.New("no job waits")
	}
	_, err := fmt.Fprintf(out, "%d\t%s\n", number, text)
	return err
}
