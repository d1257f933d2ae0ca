package embedding_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/embedding"
)

type base struct{}

func (base) ByValue()    {}
func (*base) ByPointer() {}

type (
	own       struct{ Field base }
	embeds    struct{ base }
	embedsPtr struct{ *base }
	deeper    struct{ embeds }
	valuer    interface{ ByValue() }
	abstract  struct{ valuer }
	slice     []base
)

func (own) ByValue() {}

func TestGivesTellsWhatComesFromEmbedding(t *testing.T) {
	for _, c := range []struct {
		v              any
		value, pointer bool
	}{
		{base{}, false, false},
		{&base{}, false, false},
		{own{}, false, false},
		{slice{}, false, false},
		{7, false, false},
		{embeds{}, true, true},
		{&embeds{}, true, true},
		{&embedsPtr{}, true, true},
		{&deeper{}, true, true},
		{&abstract{}, true, false},
	} {
		require.Equal(t, c.value, embedding.Gives(reflect.TypeOf(c.v), "ByValue"), "%T", c.v)
		require.Equal(t, c.pointer, embedding.Gives(reflect.TypeOf(c.v), "ByPointer"), "%T", c.v)
	}
}
