package tidy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/tidy"
)

// planted is a tree of one or more files, and what a rule must find in it.
type planted struct {
	name  string
	files map[string]string
	want  []string
}

// try requires that the rule finds in each tree what was planted there, and nothing else.
func try(t *testing.T, rule func(*tidy.Tree) []tidy.Finding, trees []planted) {
	t.Helper()
	for _, p := range trees {
		t.Run(p.name, func(t *testing.T) {
			var files []tidy.File
			for path, text := range p.files {
				files = append(files, tidy.File{Path: path, Text: text})
			}
			tree, err := tidy.New(files...)
			require.NoError(t, err)
			var got []string
			for _, f := range rule(tree) {
				got = append(got, f.String())
			}
			require.Equal(t, p.want, got)
		})
	}
}

type files = map[string]string

func TestColumns(t *testing.T) {
	full, over := strings.Repeat("é", 100), strings.Repeat("é", 101)
	try(t, (*tidy.Tree).Columns, []planted{
		{"Go", files{"a.go": "package a\n\n// " + full}, []string{"a.go:3: 103 columns"}},
		{"a tab is one column", files{"a.go": "package a\n\n//\t" + full[:2*97]}, nil},
		{"a test", files{"a_test.go": "package a\n//" + over}, []string{"a_test.go:2: 103 columns"}},
		{"Makefile", files{"Makefile": over}, []string{"Makefile:1: 101 columns"}},
		{"a script", files{".ci/run": "#!/bin/sh\n" + over}, []string{".ci/run:2: 101 columns"}},
		{"a page", files{"a.md": full + "\n" + over}, []string{"a.md:2: 101 columns"}},
		{"a table", files{"a.md": "| " + over}, nil},
		{"code in a page", files{"a.md": "```\n" + over + "\n```\n    " + over}, nil},
		{"the target of a link", files{"a.md": "[a](" + over + ")"}, nil},
		{"beside a link", files{"a.md": "[a](b) " + full}, []string{"a.md:1: 104 columns"}},
		{"what a program wrote", files{"a.md": "Written by a program; do not edit.\n" + over}, nil},
		{"data", files{"a.json": over}, nil},
	})
}

func TestEndings(t *testing.T) {
	try(t, (*tidy.Tree).Endings, []planted{
		{"all end well", files{"a.md": "a\n\n\tb\n", "b.md": ""}, nil},
		{"spaces", files{"a.md": "a\nb \nc\t\n"},
			[]string{"a.md:2: space at the end of the line", "a.md:3: space at the end of the line"}},
		{"no end", files{"a.md": "a\nb"}, []string{"a.md:2: the last line does not end"}},
	})
}

func TestFunctions(t *testing.T) {
	body := func(lines int) string {
		return "package a\n\nfunc f() {\n" + strings.Repeat("\tg()\n", lines) + "}\n\nfunc g() {}\n"
	}
	try(t, (*tidy.Tree).Functions, []planted{
		{"50 lines", files{"a.go": body(50)}, nil},
		{"51 lines", files{"a.go": body(51)}, []string{"a.go:3: f has 51 lines"}},
		{"rows of a table", files{"a.go": strings.Replace(body(45), "\tg()\n",
			"\tx := []int{\n"+strings.Repeat("\t\t1,\n", 9)+"\t}\n", 1)}, nil},
		{"a test", files{"b/a_test.go": body(60)}, []string{"b/a_test.go:3: f has 60 lines"}},
		{"a literal", files{"a.go": strings.Replace(body(51), "func f()", "var f = func()", 1)},
			[]string{"a.go:3: a function literal has 51 lines"}},
	})
}

func TestRooms(t *testing.T) {
	const code = "package a\n"
	page := func(rooms string) string {
		return "# A\n\n## The rooms\n\n" + rooms + "\n\n## More\n`more.go`\n"
	}
	try(t, (*tidy.Tree).Rooms, []planted{
		{"all have one", files{
			"a.go": code, "a_test.go": code, "internal/b/b.go": code, "c/d/e.go": code, "notes.txt": "",
			"ARCHITECTURE.md": page("`a.go` `internal/b/` `c/`")}, nil},
		{"a file of the root", files{"a.go": code, "more.go": code, "ARCHITECTURE.md": page("`a.go`")},
			[]string{"more.go:1: no room in ARCHITECTURE.md has it"}},
		{"a package", files{"internal/b/b.go": code, "ARCHITECTURE.md": page("`internal/c/`")},
			[]string{"ARCHITECTURE.md:5: there is no internal/c/",
				"internal/b/b.go:1: no room in ARCHITECTURE.md has it"}},
		{"a room without a file", files{"ARCHITECTURE.md": page("a\n`b.go`")},
			[]string{"ARCHITECTURE.md:6: there is no b.go"}},
		{"no rooms", files{"ARCHITECTURE.md": "# A\n"},
			[]string{"ARCHITECTURE.md:1: there is no section about the rooms"}},
	})
}

func TestWords(t *testing.T) {
	const code = "package log\n\nimport \"io\"\n\ntype fooBar struct{ Next io.Reader }\n\n"
	try(t, func(tree *tidy.Tree) []tidy.Finding { return tree.Words("macOS") }, []planted{
		{"all exist", files{
			"log/log.go": code + "// fooBar, macOS, [fooBar.Next], [log.Next], [io.Reader],\n" +
				"// b[i], [lo, hi), log.go\n",
			"docs/A.md": "`fooBar`, fooBaz, `fooBar.Next`, `log/log.go`, `wal.example.org/goTo/x`\n"}, nil},
		{"a word in a comment", files{"a.go": code + "// fooBaz\n\n// macOS\n// a fooBaz"},
			[]string{"a.go:7: nothing has the name fooBaz", "a.go:10: nothing has the name fooBaz"}},
		{"a comment between stars", files{"a.go": code + "/* macOS\n is fooBaz */"},
			[]string{"a.go:8: nothing has the name fooBaz"}},
		{"what is for a tool", files{"a.go": code + "// macOS\n\n//go:fooBaz\nvar x int"}, nil},
		{"a link", files{"a.go": code + "// macOS [Next], [Last], [*io.Writer]"},
			[]string{"a.go:7: nothing has the name Last", "a.go:7: nothing has the name Writer"}},
		{"a file", files{"a.go": code + "// macOS, see a.go, b.go and docs/A.md"},
			[]string{"a.go:7: nothing has the name b.go", "a.go:7: nothing has the name docs/A.md"}},
		{"a part of a test's name", files{
			"a.go":      code + "// macOS, testOf, OfAll",
			"a_test.go": "package a\nfunc TestOfAll() {}"},
			[]string{"a.go:7: nothing has the name testOf"}},
		{"a page", files{"a.go": code, "README.md": "macOS\n`macOS` `go fooBaz`\n"},
			[]string{"README.md:2: nothing has the name fooBaz"}},
		{"a script", files{"a.go": code, "Makefile": "test: # macOS\n\tgo test -run fooBar\n",
			".ci/run": "#!/bin/sh\ngo test -run fooBaz\n"},
			[]string{".ci/run:2: nothing has the name fooBaz"}},
		{"a page about what was", files{
			"a.go": code, "CHANGELOG.md": "`fooBaz`\n", "README.md": "`macOS`"}, nil},
		{"the page about the code", files{
			"a.go": code, "ARCHITECTURE.md": "`macOS` `next` `Next` `next one`"},
			[]string{"ARCHITECTURE.md:1: nothing has the name next"}},
		{"a word that is allowed for nothing", files{"a.go": code},
			[]string{"tidy_test.go:1: macOS need not be allowed"}},
	})
}

func TestCitations(t *testing.T) {
	const page = "# The format\n\n## 1. Files\n\n## 2. Frames\n\n" +
		"### 2.1 Words\n\n| 1 | a |\n| 1' | b |\n\n## 3. Rest\n"
	cite := func(words string) files {
		return files{"docs/FORMAT.md": page, "a.go": "package a\n\n// " + words + "\n"}
	}
	const noNumber = "a.go:3: cite the section of docs/FORMAT.md by its number"
	try(t, (*tidy.Tree).Citations, []planted{
		{"all exist", cite("FORMAT.md. FORMAT.md 1; docs/FORMAT.md, section 2.1, FORMAT.md\n" +
			"// sections 1, 2 and 3"), nil},
		{"a section", cite("FORMAT.md 4"), []string{"a.go:3: docs/FORMAT.md has no section 4"}},
		{"one of several", cite("FORMAT.md, sections 1, 2.2 and 3"),
			[]string{"a.go:3: docs/FORMAT.md has no section 2.2"}},
		{"rows", cite("FORMAT.md 2.1, rows 1 and 1'; FORMAT.md 2, row 1"), nil},
		{"a row", cite("FORMAT.md 2.1, row 2"), []string{"a.go:3: that section has no row 2"}},
		{"a row of another section", cite("FORMAT.md 3, row 1'"),
			[]string{"a.go:3: that section has no row 1'"}},
		{"a name", cite("FORMAT.md, Versions"), []string{noNumber}},
		{"no section", cite("FORMAT.md, row 1"), []string{noNumber}},
		{"turned round", cite("section 2 of docs/FORMAT.md"), []string{noNumber}},
		{"another name", cite("FORMAT 2"), []string{noNumber}},
		{"in a page", files{"docs/FORMAT.md": page, "README.md": "\nFORMAT.md 7"},
			[]string{"README.md:2: docs/FORMAT.md has no section 7"}},
	})
}

func TestPlaces(t *testing.T) {
	home, host := "/ho"+"me/me/wal", "proxy.golang"+".org"
	try(t, (*tidy.Tree).Places, []planted{
		{"none", files{
			"a.go": "package a\n",
			"a.md": "`make bench DIR=/path/on/the/disk`, a/home/b, /mnt/small"}, nil},
		{"a path", files{"a.go": "package a\n// in " + home},
			[]string{"a.go:2: a path of one machine:  /ho" + "me/m"}},
		{"a path in quotes", files{"a": "\"" + home + "\""},
			[]string{"a:1: a path of one machine: \"/ho" + "me/m"}},
		{"a host", files{".ci/run": "GOPROXY=https://" + host},
			[]string{".ci/run:1: a host of a registry: " + host}},
	})
}

func TestLinks(t *testing.T) {
	try(t, (*tidy.Tree).Links, []planted{
		{"all exist", files{
			"README.md": "[a](docs/A.md) [b](docs/A.md#2-the-b-of-it) [c](https://c.d) [d](docs)\n" +
				"[e](#top)\n# Top",
			"docs/A.md": "## 2. The `B` of it\n[a](../README.md)"}, nil},
		{"a file", files{"README.md": "\n[a](docs/A.md)"},
			[]string{"README.md:2: there is no docs/A.md"}},
		{"from its own directory", files{"docs/A.md": "[a](docs/A.md)"},
			[]string{"docs/A.md:1: there is no docs/docs/A.md"}},
		{"a heading", files{"A.md": "[a](#b)\n## A"}, []string{"A.md:1: A.md has no heading b"}},
	})
}

func TestTargets(t *testing.T) {
	const makefile = "MIB ?= 1\n\ntest: ## tests\n\ttrue\n"
	try(t, (*tidy.Tree).Targets, []planted{
		{"all exist", files{
			"Makefile": makefile, "A.md": "`make test X=1`",
			".ci/run": "#!/bin/sh\nstep make test"}, nil},
		{"in a page", files{"Makefile": makefile, "A.md": "`make rot`"},
			[]string{"A.md:1: the Makefile has no target rot"}},
		{"in the gate", files{"Makefile": makefile, ".ci/run": "\nstep make lint"},
			[]string{".ci/run:2: the Makefile has no target lint"}},
		{"in a workflow", files{
			"Makefile": makefile, ".github/workflows/ci.yml": "  - run: make cross\n"},
			[]string{".github/workflows/ci.yml:1: the Makefile has no target cross"}},
	})
}

func TestVariables(t *testing.T) {
	const code = "package a\n\nvar long = getenv(\"WAL_TEST_LONG\")\n"
	try(t, (*tidy.Tree).Variables, []planted{
		{"all are read", files{"a.go": code, "A.md": "WAL_TEST_LONG=1"}, nil},
		{"in a comment", files{"a.go": code + "\n// WAL_TEST_SHORT"},
			[]string{"a.go:5: no code reads WAL_TEST_SHORT"}},
		{"in a page", files{"a.go": code, "A.md": "WAL_TEST_SHORT=1"},
			[]string{"A.md:1: no code reads WAL_TEST_SHORT"}},
		{"in the Makefile", files{"a.go": code, "Makefile": "test:\n\tWAL_TEST_SHORT=1 go test\n"},
			[]string{"Makefile:2: no code reads WAL_TEST_SHORT"}},
	})
}

func TestSubjects(t *testing.T) {
	long := strings.Repeat("x", 73)
	require.Empty(t, tidy.Subjects(""))
	require.Empty(t, tidy.Subjects("abc1 "+long[1:]+"\nabc2 Subject\n"))
	found := tidy.Subjects("abc1 Subject\nabc2 " + long + "\n")
	require.Len(t, found, 1)
	require.Equal(t, "commit abc2:0: 73 characters: "+long, found[0].String())
}

func TestLoad_LeavesOutWhatIsNoText(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	over := strings.Repeat("x", 101)
	put("a/b.md", over)
	put("a/testdata/c.md", over)
	put(".git/d.md", over)
	put("e.md", over+"\x00")
	put("f.md", over+"\xff")
	tree, err := tidy.Load(dir)
	require.NoError(t, err)
	require.Equal(t, []tidy.Finding{{Path: "a/b.md", Line: 1, What: "101 columns"}}, tree.Columns())
}
