package tidy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckLayersFindsWhatIsPlanted(t *testing.T) {
	layers := []Layer{{"low", "a.go b.go"}, {"middle", "[c.go d.go e.go] f.go"}, {"high", "g.go"}}
	files := []string{"a.go", "b.go", "c.go", "d.go", "e.go", "f.go", "g.go"}
	good := []Use{{"b.go", "a.go", "x", 1}, {"c.go", "e.go", "x", 2}, {"e.go", "d.go", "x", 3},
		{"f.go", "d.go", "x", 4}, {"g.go", "a.go", "x", 5}}
	tests := []struct {
		name   string
		layers []Layer
		files  []string
		uses   []Use
		want   []string
	}{
		{"nothing is wrong", layers, files, good, nil},
		{"a use upwards", layers, files, append(good, Use{"a.go", "g.go", "Save", 7}),
			[]string{"a.go:7 uses Save of g.go, which is above it"}},
		{"a use upwards within a layer", layers, files, append(good, Use{"a.go", "b.go", "x", 7}),
			[]string{"a.go:7 uses x of b.go, which is above it"}},
		{"an object uses what is behind its bracket", layers, files, []Use{{"e.go", "f.go", "x", 7}},
			[]string{"e.go:7 uses x of f.go, which is above it"}},
		{"a file in no layer", layers, append(files, "new.go"), good, []string{"new.go is in no layer"}},
		{"a file in two layers", append(layers, Layer{"top", "a.go"}), files, nil,
			[]string{"a.go is in two layers"}},
		{"a file that is not there", append(layers, Layer{"top", "gone.go"}), files, good,
			[]string{`gone.go is in the layer "top", and there is no such file`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, CheckLayers(tt.layers, tt.files, tt.uses))
		})
	}
}

func TestCheckImportsFindsWhatIsPlanted(t *testing.T) {
	allowed := map[string][]string{"a": nil, "b": {"a"}}
	require.Empty(t, CheckImports(allowed, map[string][]string{"a": nil, "b": {"a"}}))
	require.Equal(t, []string{"a imports b, which it may not"},
		CheckImports(allowed, map[string][]string{"a": {"b"}, "b": nil}))
	require.Equal(t, []string{"b is in the table of packages, and there is no such package",
		"c is not in the table of packages"},
		CheckImports(allowed, map[string][]string{"a": nil, "c": {"a"}}))
}
