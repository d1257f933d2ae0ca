package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// The example of docs/FORMAT.md 11 is a log that this build writes, byte by byte. With -update the
// test writes the example into the page.
func TestFormat_TheExampleIsARealLog(t *testing.T) {
	const path, heading = "docs/FORMAT.md", "\n## 11. "
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, section, ok := strings.Cut(string(page), heading)
	require.True(t, ok)

	frames := exampleFrames(t, exampleSegment(t))
	blocks := []string{exampleListing(frames), exampleCheck(frames), exampleChain(frames)}
	fence := regexp.MustCompile("(?s)```text\n.*?```\n")
	require.Len(t, fence.FindAllString(section, -1), len(blocks))
	section = fence.ReplaceAllStringFunc(section, func(string) string {
		block := blocks[0]
		blocks = blocks[1:]
		return "```text\n" + block + "```\n"
	})
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+heading+section), 0o644))
		return
	}
	require.Equal(t, before+heading+section, string(page),
		"the format is final: run with -update only if the example is meant to change")
}

// exampleSegment returns the only segment of a log with one save in it, which was closed.
func exampleSegment(t *testing.T) []byte {
	dir := filepath.Join(t.TempDir(), "log")
	w, err := Create(nil, dir, []byte("node 1"), WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Vote: 1, Commit: 2}, []log.LogEntry{
		&walpb.Entry{Term: 1, Index: 1, Data: []byte("sky blue")},
		&walpb.Entry{Term: 1, Index: 2, Data: []byte("sea grey")},
	}))
	require.NoError(t, w.Close())
	seg, err := os.ReadFile(filepath.Join(dir, "0000000000000000-0000000000000000.wal"))
	require.NoError(t, err)
	return seg
}

// exampleFrame is a frame of the example, taken apart.
type exampleFrame struct {
	walpb.Record
	off    int
	bytes  []byte // all of the frame
	header int    // how many of them stand before the payload of field 3
	end    int    // and how many before the padding
}

// exampleFrames takes a segment apart, and recomputes every checksum in it as the page says.
func exampleFrames(t *testing.T, seg []byte) (frames []exampleFrame) {
	chain := uint32(0)
	for off := 0; off < len(seg); {
		word := binary.LittleEndian.Uint64(seg[off:])
		n, padding := int(word&(1<<56-1)), int(word>>56&7)
		rec, header, err := walpb.ParseRecord(seg[off+8 : off+8+n])
		require.NoError(t, err)
		f := exampleFrame{rec, off, seg[off : off+8+n+padding], 8 + header, 8 + n}
		if !f.is(log.CrcType) {
			chain = crc32.Update(chain, castagnoliTable, f.Data)
		}
		require.Equal(t, chain, f.Crc, "the chain at %d", off)
		covered := slices.Concat(f.checked()...)
		check := crc32.Checksum(covered, castagnoliTable)
		require.Equal(t, uint32(f.Trailer), check, "the check at %d", off)
		frames = append(frames, f)
		off += len(f.bytes)
	}
	return frames
}

var castagnoliTable = crc32.MakeTable(crc32.Castagnoli)

func (f *exampleFrame) is(typ log.RecordType) bool { return f.Type == int64(typ) }

// isFiller reports whether the frame only fills the space before CLOSED.
func (f *exampleFrame) isFiller() bool { return f.is(log.CrcType) && f.Data == nil && f.off > 0 }

// checked returns the pieces that the check covers: the segment's number, the offset, the header of
// the frame in three pieces, the flags, and the payload of a crc record. No frame of the example is
// sparse.
func (f *exampleFrame) checked() [][]byte {
	pieces := [][]byte{
		make([]byte, 8),
		binary.LittleEndian.AppendUint64(nil, uint64(f.off)),
		f.bytes[:8],
		f.bytes[8 : f.header-2],
		f.bytes[f.header-2 : f.header],
		{byte(f.Trailer >> 32)},
	}
	if f.is(log.CrcType) {
		pieces = append(pieces, f.Data)
	}
	return pieces
}

// exampleText is a block of the page.
type exampleText struct{ strings.Builder }

// line writes bytes and what they are. An offset below 0 is left out.
func (x *exampleText) line(off int, b []byte, format string, args ...any) {
	place := "    "
	if off >= 0 {
		place = fmt.Sprintf("%04x", off)
	}
	fmt.Fprintf(x, "%s  %-26s  %s\n", place, fmt.Sprintf("% x", b), fmt.Sprintf(format, args...))
}

// exampleListing returns the segment, annotated.
func exampleListing(frames []exampleFrame) string {
	var x exampleText
	fillers := 0
	for i := range frames {
		f := &frames[i]
		if f.isFiller() {
			if fillers++; fillers > 1 {
				continue
			}
		} else if fillers > 1 {
			fmt.Fprintf(&x, "\n      … %d more like it, but without SYNCED\n", fillers-1)
			fillers = 0
		}
		x.frame(f)
	}
	return strings.TrimPrefix(x.String(), "\n")
}

// frame writes a frame, field by field.
func (x *exampleText) frame(f *exampleFrame) {
	fmt.Fprintf(x, "\n      %s\n", f.title())
	off, rest := f.off, f.bytes
	next := func(n int, format string, args ...any) {
		x.line(off, rest[:n], format, args...)
		off, rest = off+n, rest[n:]
	}
	next(8, "length word: %d, and %d of padding", f.end-8, len(f.bytes)-f.end)
	next(2, "type %d: %s", f.Type, log.RecordType(f.Type))
	next(1+protowire.SizeVarint(uint64(f.Crc)), "crc: the chain, %08x", f.Crc)
	if f.Data != nil {
		next(2, "data, of length %d", len(f.Data))
		for _, field := range f.payload() {
			next(field.size, "%s", field.note)
		}
	}
	flags := []string{"no flags", "SYNCED", "COMMIT", "SYNCED and COMMIT"}[f.Trailer>>32&0xff]
	check, sparsity := uint32(f.Trailer), f.Trailer>>40&0xffff
	next(9, "trailer: the check, %08x; %s; sparsity %d; a5", check, flags, sparsity)
	if len(rest) > 0 {
		next(len(rest), "padding")
	}
}

// title says what a frame is for.
func (f *exampleFrame) title() string {
	switch {
	case f.off == 0:
		return "THE CHAIN SO FAR: nothing stands before the log's first segment"
	case f.is(log.MetadataType):
		return "THE METADATA"
	case f.is(log.SnapshotType):
		return "AN EMPTY SNAPSHOT: the header of the first segment ends with it"
	case f.is(log.EntryType):
		return "AN ENTRY OF THE SAVE"
	case f.is(log.StateType):
		return "THE STATE OF THE SAVE, which ends with it"
	case f.isFiller():
		return "A FILLER: the space up to the block that CLOSED begins in"
	}
	return "CLOSED"
}

// exampleField is a piece of a payload: its size and what it says.
type exampleField struct {
	size int
	note string
}

// payload takes the payload apart: messages by their fields, all else as it is.
func (f *exampleFrame) payload() (fields []exampleField) {
	names := map[log.RecordType][]string{
		log.SnapshotType: {"", "index", "term"},
		log.EntryType:    {"", "type", "term", "index", "data"},
		log.StateType:    {"", "term", "vote", "commit"},
	}[log.RecordType(f.Type)]
	if names == nil {
		note := fmt.Sprintf("%q", f.Data)
		if f.is(log.CrcType) {
			note = "CLOSED"
		}
		return []exampleField{{len(f.Data), note}}
	}
	for b := f.Data; len(b) > 0; {
		number, typ, tag := protowire.ConsumeTag(b)
		v, n := protowire.ConsumeVarint(b[tag:])
		note := fmt.Sprintf("  %s %d", names[number], v)
		if typ == protowire.BytesType {
			note = fmt.Sprintf("  %s, of length %d", names[number], v)
		}
		fields = append(fields, exampleField{tag + n, note})
		if b = b[tag+n:]; typ == protowire.BytesType {
			fields = append(fields, exampleField{int(v), fmt.Sprintf("  %q", b[:v])})
			b = b[v:]
		}
	}
	return fields
}

// firstEntry returns the position of the first entry among the frames.
func firstEntry(frames []exampleFrame) int {
	return slices.IndexFunc(frames, func(f exampleFrame) bool { return f.is(log.EntryType) })
}

// exampleCheck returns what the check of the first entry is computed of.
func exampleCheck(frames []exampleFrame) string {
	var x exampleText
	f := &frames[firstEntry(frames)]
	for i, piece := range f.checked() {
		x.line(-1, piece, "%s", []string{
			"the segment's number", "the frame's offset", "the length word",
			"type and crc", "field 3, before its payload", "the flags",
		}[i])
	}
	n := len(slices.Concat(f.checked()...))
	fmt.Fprintf(&x, "\nCRC-32C of these %d bytes: %08x\n", n, uint32(f.Trailer))
	return x.String()
}

// exampleChain returns what the chain up to the first entry is computed of.
func exampleChain(frames []exampleFrame) string {
	var x exampleText
	var all []byte
	first := firstEntry(frames)
	for _, f := range frames[1 : first+1] {
		note := "the data of the " + log.RecordType(f.Type).String()
		for b := f.Data; len(b) > 0; b = b[min(8, len(b)):] {
			x.line(-1, b[:min(8, len(b))], "%s", note)
			note = "and so on"
		}
		all = append(all, f.Data...)
	}
	fmt.Fprintf(&x, "\nCRC-32C of these %d bytes: %08x\n", len(all), frames[first].Crc)
	return x.String()
}
