package tidy

import (
	"path"
	"regexp"
	"strings"
)

const architecture = "ARCHITECTURE.md"

var (
	roomsHeading = regexp.MustCompile(`(?mi)^## .*rooms.*$`)
	quoted       = regexp.MustCompile("`([^`\n]+)`")
)

// Rooms finds Go files of the root, and directories with Go code, that the rooms of ARCHITECTURE.md
// leave out, and names in the rooms that do not exist.
func (t *Tree) Rooms() (found []Finding) {
	page := t.text(architecture)
	at := roomsHeading.FindStringIndex(page)
	if at == nil {
		return []Finding{{architecture, 1, "there is no section about the rooms"}}
	}
	section, _, _ := strings.Cut(page[at[1]:], "\n## ")
	rooms := map[string]bool{}
	for _, m := range quoted.FindAllStringSubmatchIndex(section, -1) {
		name := section[m[2]:m[3]]
		if path.Ext(name) != ".go" && !strings.HasSuffix(name, "/") {
			continue
		}
		rooms[name] = true
		if !t.has(name) {
			line := lineAt(page, at[1]+m[2])
			found = append(found, Finding{architecture, line, "there is no " + name})
		}
	}
	for _, f := range t.files {
		if path.Ext(f.Path) == ".go" && !housed(rooms, f.Path) {
			found = append(found, Finding{f.Path, 1, "no room in " + architecture + " has it"})
		}
	}
	return found
}

// housed reports whether a Go file is in a room. A file of the root must be named itself, unless it
// is a test. For any other file it is enough that its directory is named, or one above it.
func housed(rooms map[string]bool, name string) bool {
	dir := path.Dir(name)
	if dir == "." {
		return rooms[name] || strings.HasSuffix(name, "_test.go")
	}
	for ; dir != "."; dir = path.Dir(dir) {
		if rooms[dir+"/"] {
			return true
		}
	}
	return false
}
