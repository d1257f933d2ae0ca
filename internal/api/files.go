package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// load reads the lists in a directory, by the name of their file. There may be none.
func load(dir string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	kept := map[string][]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		kept[filepath.Base(file)] = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	}
	return kept, nil
}

// save writes the lists into a directory, and removes those of packages that are gone.
func save(dir string, lists map[string][]string) error {
	before, err := load(dir)
	if err != nil {
		return err
	}
	for name := range before {
		if lists[name] == nil {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, lines := range lists {
		text := strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare returns a line for each line that only one side has, as diff does: what is gone behind a
// minus, what is new behind a plus. The name of a file stands before its lines.
func compare(before, now map[string][]string) []string {
	names := slices.Sorted(maps.Keys(before))
	for name := range now {
		if before[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changes []string
	for _, name := range names {
		var lines []string
		lines = append(lines, missing("-", before[name], now[name])...)
		lines = append(lines, missing("+", now[name], before[name])...)
		if len(lines) > 0 {
			changes = append(append(changes, "api/"+name+":"), lines...)
		}
	}
	return changes
}

// missing returns the lines that are in one list and not in the other, each behind a sign.
func missing(sign string, in, notIn []string) []string {
	var lines []string
	for _, line := range in {
		if !slices.Contains(notIn, line) {
			lines = append(lines, sign+line)
		}
	}
	return lines
}
