package storagetest_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal/etcdraft/storagetest"
)

// defect is a mistake that the toy makes.
type defect string

const (
	wrapsErrCompacted               defect = "wraps ErrCompacted"
	wrapsErrUnavailable             defect = "wraps ErrUnavailable"
	hasATermBeyondTheEnd            defect = "has a term beyond the end"
	returnsWhatIsThere              defect = "returns what is there of a range"
	startsOneLate                   defect = "starts one late"
	returnsNoneIfTheFirstIsTooLarge defect = "returns none if the first is too large"
	leavesOutWhatFitsExactly        defect = "leaves out what fits exactly"
	takesOneTooMany                 defect = "takes one too many"
	comparesSigned                  defect = "compares sizes as signed numbers"
	countsOnlyTheData               defect = "counts only the data"
	handsOutItsOwnSlice             defect = "hands out its own slice"
	replacesInPlace                 defect = "replaces in place"
	compactsInPlace                 defect = "compacts in place"
	keepsWhatIsBehindReplaced       defect = "keeps what is behind replaced entries"
	keepsWhatIsAboveASnapshot       defect = "keeps what is above a received snapshot"
	takesAnOlderSnapshot            defect = "takes an older snapshot"
	takesTheSnapshotForTheFirst     defect = "takes the snapshot for the first entry"
	takesTheDummyForCompacted       defect = "takes the entry before the first for compacted"
	forgetsTheTermBeforeTheFirst    defect = "forgets the term before the first entry"
	compactsOneLess                 defect = "compacts one less"
	hasNoMembersWhenNew             defect = "has no members when it is new"
	keepsTheCallersMembers          defect = "keeps the caller's members"
	forgetsAStateWithoutUpdate      defect = "forgets a state without update"
	cutsASnapshotShort              defect = "cuts a snapshot short"
	givesASnapshotTheLastTerm       defect = "gives a snapshot the last term"
	ignoresAFailingWrite            defect = "ignores a failing write of a snapshot"
	showsTheEndTooEarly             defect = "shows the end too early"

	forgetsToSync                 defect = "forgets to sync"
	doesNotSyncASnapshot          defect = "does not sync a snapshot"
	splitsAReady                  defect = "splits a Ready into two frames"
	savesTheStateFirst            defect = "saves the state before the entries"
	forgetsTheVote                defect = "forgets the vote at an opening"
	forgetsTheMembers             defect = "forgets the members at an opening"
	replaysGhosts                 defect = "replays what a received snapshot has replaced"
	replaysWhatWasReplaced        defect = "replays entries behind replaced ones"
	leavesTheCommitIndexBelow     defect = "leaves the commit index below the snapshot"
	dropsCatchUpEntries           defect = "drops the entries before the snapshot at an opening"
	forgetsTheDummyAtAnOpening    defect = "forgets the entry before the first at an opening"
	losesTheLastSaveAtAnOpening   defect = "loses the last entry at an opening"
	forgetsTheSnapshotAtAnOpening defect = "forgets the snapshot at an opening"
)

// caught says which check has to notice a defect. Others may too.
var caught = map[defect]string{
	wrapsErrCompacted:               "Entries/SayWhatIsCompacted",
	wrapsErrUnavailable:             "Entries/SayWhatIsUnavailable",
	hasATermBeyondTheEnd:            "Term/SaysWhatIsUnavailable",
	returnsWhatIsThere:              "Entries/SayWhatIsUnavailable",
	startsOneLate:                   "Entries/AreThoseOfTheRange",
	returnsNoneIfTheFirstIsTooLarge: "Entries/LimitTheirSize",
	leavesOutWhatFitsExactly:        "Entries/LimitTheirSize",
	takesOneTooMany:                 "Entries/LimitTheirSize",
	comparesSigned:                  "Entries/LimitTheirSize",
	countsOnlyTheData:               "Entries/LimitTheirSize",
	handsOutItsOwnSlice:             "Entries/CanBeAppendedTo",
	replacesInPlace:                 "Entries/NeverChange",
	compactsInPlace:                 "Entries/NeverChange",
	keepsWhatIsBehindReplaced:       "Save/ReplacesEntries",
	keepsWhatIsAboveASnapshot:       "Received/InsideTheLog",
	takesAnOlderSnapshot:            "Received/RefusesAnOlderOne",
	takesTheSnapshotForTheFirst:     "FirstIndex/IsTheFirstThatCanBeRead",
	takesTheDummyForCompacted:       "Term/OfTheEntryBeforeTheFirst",
	forgetsTheTermBeforeTheFirst:    "Term/OfTheEntryBeforeTheFirst",
	compactsOneLess:                 "Compact/DropsUpToTheIndex",
	hasNoMembersWhenNew:             "InitialState/OfANewStore",
	keepsTheCallersMembers:          "Snapshot/KeepsItsMembers",
	forgetsAStateWithoutUpdate:      "InitialState/StaysWhereThereIsNoUpdate",
	cutsASnapshotShort:              "Snapshot/IsTheMostRecent",
	givesASnapshotTheLastTerm:       "Snapshot/IsTheMostRecent",
	ignoresAFailingWrite:            "CreateSnapshot/LeavesNothingIfItFails",
	showsTheEndTooEarly:             "Concurrent/ReadersBesideTheWriter",

	forgetsToSync:                 "Save/OutlastsACrash",
	doesNotSyncASnapshot:          "Received/OutlastsACrash",
	splitsAReady:                  "Crash/ATornSaveIsWholeOrGone",
	savesTheStateFirst:            "Crash/ATornSaveLosesNothingElse",
	forgetsTheVote:                "InitialState/OutlastsACrash",
	forgetsTheMembers:             "Snapshot/IsTheMostRecentAfterACrash",
	replaysGhosts:                 "Received/InsideTheLogAfterACrash",
	replaysWhatWasReplaced:        "Save/ReplacesEntriesAfterACrash",
	leavesTheCommitIndexBelow:     "Received/LeavesNoCommitIndexBelow",
	dropsCatchUpEntries:           "Compact/KeepsWhatFollowsAfterACrash",
	forgetsTheDummyAtAnOpening:    "Term/OfTheEntryBeforeTheFirstAfterACrash",
	losesTheLastSaveAtAnOpening:   "Save/OutlastsACrash",
	forgetsTheSnapshotAtAnOpening: "Snapshot/IsTheMostRecentAfterACrash",
}

func TestToy(t *testing.T) {
	storagetest.Run(t, func(dir string) (storagetest.Store, error) { return openToy(dir, "") })
}

func TestToy_EachDefectIsCaught(t *testing.T) {
	checks := map[string]storagetest.Check{}
	for _, c := range storagetest.Checks() {
		checks[c.Name] = c
	}
	for d, name := range caught {
		t.Run(string(d), func(t *testing.T) {
			open := func(dir string) (storagetest.Store, error) { return openToy(dir, d) }
			c, ok := checks[name]
			require.True(t, ok, "there is no check %s", name)
			err := c.Try(t.TempDir(), open)
			require.Error(t, err)
			require.NotErrorIs(t, err, storagetest.ErrSkipped)
			first, _, _ := strings.Cut(err.Error(), "\nafter ")
			t.Logf("%s: %s", name, first)
		})
	}
}

// Lives at random find whatever a node notices in the long run. The other defects show in what raft
// does not do, beside a reader, in half a save, or where raft demands nothing.
func TestToy_LivesFindDefects(t *testing.T) {
	t.Setenv("WAL_TEST_SEED", "1")
	t.Setenv("WAL_TEST_LIVES", "20")
	others := map[defect]bool{
		dropsCatchUpEntries: true, ignoresAFailingWrite: true, returnsWhatIsThere: true,
		keepsTheCallersMembers: true, showsTheEndTooEarly: true, splitsAReady: true,
		takesAnOlderSnapshot: true,
	}
	all := storagetest.Checks()
	lives := all[len(all)-1]
	for d := range caught {
		if others[d] {
			continue
		}
		t.Run(string(d), func(t *testing.T) {
			open := func(dir string) (storagetest.Store, error) { return openToy(dir, d) }
			require.Error(t, lives.Try(t.TempDir(), open))
		})
	}
}

// The mistakes that take more than a line.

// toSave returns what is saved of a hard state.
func (s *toy) toSave(hs *raftpb.HardState) *raftpb.HardState {
	if s.defect == forgetsTheVote {
		return &raftpb.HardState{Term: hs.Term, Commit: hs.Commit}
	}
	return hs
}

// spoil spoils a snapshot that is made.
func (s *toy) spoil(snap *raftpb.Snapshot, cs *raftpb.ConfState) {
	switch s.defect {
	case keepsTheCallersMembers:
		snap.Metadata.ConfState = cs
	case cutsASnapshotShort:
		snap.Data = snap.Data[:len(snap.Data)-1]
	case givesASnapshotTheLastTerm:
		snap.Metadata.Term = new(s.ents[len(s.ents)-1].GetTerm())
	}
}

// writeReady writes a Ready, as one frame unless there is a defect.
func (s *toy) writeReady(c change, sync bool) error {
	ents, rest := change{Ents: c.Ents}, change{Hard: c.Hard, Received: c.Received}
	switch {
	case s.defect == leavesTheCommitIndexBelow && c.Received != nil:
		if err := s.write(change{Received: c.Received}, true); err != nil {
			return err
		}
		return s.write(change{Hard: c.Hard, Ents: c.Ents}, c.Ents != nil)
	case s.defect == splitsAReady && c.Received == nil:
		if err := s.write(ents, false); err != nil {
			return err
		}
		return s.write(rest, sync)
	case s.defect == savesTheStateFirst && c.Received == nil:
		rest.Hard = encode(&raftpb.HardState{
			Term: new(uint64(1000)), Vote: new(uint64(1)), Commit: new(uint64(0)),
		})
		if err := s.write(rest, false); err != nil {
			return err
		}
	}
	return s.write(c, sync)
}

// replayReady takes in a Ready at an opening, where some defects are others.
func (s *toy) replayReady(rd raft.Ready) {
	d := s.defect
	defer func() { s.defect = d }()
	switch {
	case d == replaysGhosts && rd.Snapshot != nil:
		s.defect = keepsWhatIsAboveASnapshot
	case d == replaysWhatWasReplaced && rd.Snapshot == nil && rd.HardState != nil:
		s.defect = keepsWhatIsBehindReplaced
	case d == showsTheEndTooEarly:
		s.defect = "" // nobody reads yet
	}
	s.take(rd)
}

// opened ends an opening.
func (s *toy) opened() {
	index := s.snap.GetMetadata().GetIndex()
	switch s.defect {
	case forgetsTheMembers:
		s.snap.Metadata.ConfState = &raftpb.ConfState{}
	case dropsCatchUpEntries:
		if index > s.ents[0].GetIndex() {
			s.compact(index)
		}
	case forgetsTheDummyAtAnOpening:
		s.ents[0] = &raftpb.Entry{Index: s.ents[0].Index}
	case losesTheLastSaveAtAnOpening:
		if len(s.ents) > 1 {
			s.ents = s.ents[:len(s.ents)-1]
		}
	case forgetsTheSnapshotAtAnOpening:
		s.snap = newState().snap
	default:
		s.raiseCommit(index)
	}
}

// raiseCommit raises the commit index to the snapshot, of which it may have been behind.
func (s *toy) raiseCommit(index uint64) {
	if s.defect != leavesTheCommitIndexBelow && s.hard.GetCommit() < index {
		s.hard = proto.CloneOf(s.hard)
		s.hard.Commit = new(index)
	}
}

// showEarly takes in entries one by one, and lets readers in between, with an entry that is not
// there yet.
func (s *toy) showEarly(n uint64, ents []*raftpb.Entry) {
	s.ents = append(s.ents[:n:n], make([]*raftpb.Entry, len(ents))...)
	before := s.reads
	s.mu.Unlock()
	for range 1000 {
		s.mu.RLock()
		reads := s.reads
		s.mu.RUnlock()
		if reads > before+10 {
			break
		}
		runtime.Gosched()
	}
	s.mu.Lock()
	copy(s.ents[n:], ents)
}
