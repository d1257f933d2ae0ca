package simulate

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/internal/access"
	"github.com/seed449c39bc/wal/internal/crashfs"
)

// Wrong is a deliberate mistake of the program around the Storage, which Run has to find.
type Wrong int

// The mistakes.
const (
	Nothing Wrong = iota
	SendBeforeSave
	ForgetVotes
	DeliverBeforeDurable
)

// Options say what life a cluster has.
type Options struct {
	Seed  uint64
	Async bool // with asynchronous storage writes
	Wrong Wrong
}

// Report is what a life was like.
type Report struct {
	Trace    uint64   // the same for the same life
	Last     []string // the last steps
	Steps    int
	Applied  uint64
	Crashes  int
	Received int // snapshots
	Inside   int // those that came to a longer log, in the synchronous mode
	Gone     int // nodes whose disk rotted
	Stranded int // clusters that can have no leader any more
}

// cluster is a cluster, and its network.
type cluster struct {
	rnd     *rand.Rand
	watch   *watch
	async   bool
	preVote bool
	wrong   Wrong
	tail    int
	segment int64

	first   *raftpb.ConfState // the first members
	nodes   map[uint64]*node
	newest  uint64 // the highest id so far
	rots    int    // how many disks may still rot
	parts   map[uint64]int
	letters []*letter
	round   int
	healing bool
	report  Report
}

// letter is a message on its way, with the data of a snapshot.
type letter struct {
	m    *raftpb.Message
	data []byte
	due  int
}

// rounds is how long a life lasts before it is healed.
const rounds = 150

// Run lets a cluster live. The error is what went wrong.
func Run(o Options) (r Report, err error) {
	rnd := rand.New(rand.NewPCG(o.Seed, 1))
	c := &cluster{
		rnd: rnd, watch: newWatch(), async: o.Async, wrong: o.Wrong, preVote: rnd.IntN(2) == 0,
		tail: []int{0, 1500, -1}[rnd.IntN(3)], segment: 8 << 10, nodes: map[uint64]*node{}, rots: 1,
		parts: map[uint64]int{},
	}
	if c.async { // Append must not wait for what is held: a full segment, or what it reads
		c.tail, c.segment = 0, wal.DefaultSegmentSize
	}
	defer func() {
		p := recover()
		for _, n := range c.nodes { // its goroutines end
			if n.s != nil {
				n.disk.kill()
				n.s.Abandon()
			}
		}
		r = c.report
		r.Trace, r.Last, r.Steps = c.watch.trace.Sum64(), c.watch.steps, c.watch.count
		r.Applied = c.watch.last
		switch p := p.(type) {
		case nil:
		case violation:
			err = fmt.Errorf("seed %d: %s", o.Seed, p.what)
		default:
			err = fmt.Errorf("seed %d: %v\n%s", o.Seed, p, debug.Stack())
		}
	}()
	c.begin()
	for c.round < rounds {
		c.live()
	}
	c.heal()
	return r, nil
}

// begin makes the first members.
func (c *cluster) begin() {
	members := &raftpb.ConfState{Voters: []uint64{1, 2, 3}}
	if c.rnd.IntN(3) == 0 {
		members.Voters = append(members.Voters, 4, 5)
	}
	c.first = members
	for _, id := range members.Voters {
		c.add(id, members)
	}
}

// add adds a node with an empty disk, and starts it.
func (c *cluster) add(id uint64, bootstrap *raftpb.ConfState) {
	n := &node{c: c, id: id, bootstrap: bootstrap, disk: newDisk(crashfs.Image{})}
	c.nodes[id] = n
	c.newest = max(c.newest, id)
	n.start()
}

// join makes the members that are not there yet.
func (c *cluster) join(cs *raftpb.ConfState) {
	for _, id := range slices.Concat(cs.GetVoters(), cs.GetLearners(), cs.GetLearnersNext()) {
		if c.nodes[id] == nil {
			// What the first members have passed is as good as nothing.
			c.add(id, []*raftpb.ConfState{nil, c.first}[c.rnd.IntN(2)])
		}
	}
}

// all returns the nodes in the order of their ids.
func (c *cluster) all() (all []*node) {
	for _, id := range slices.Sorted(maps.Keys(c.nodes)) {
		all = append(all, c.nodes[id])
	}
	return all
}

// live lets a little time pass.
func (c *cluster) live() {
	c.round++
	c.mail()
	for _, n := range c.all() {
		if n.raft == nil {
			if !n.gone && (c.healing || c.rnd.IntN(6) == 0) {
				n.start()
			}
			continue
		}
		c.act(n)
		if n.raft != nil && (c.healing || c.rnd.IntN(4) > 0) {
			n.work()
		}
		if n.raft != nil && n.raft.BasicStatus().RaftState == raft.StateLeader {
			c.watch.leads(n.id, n.raft.BasicStatus().GetTerm())
		}
	}
	if !c.healing && c.rnd.IntN(15) == 0 {
		c.part()
	}
}

// act has something happen to a node that is alive.
func (c *cluster) act(n *node) {
	st := n.raft.BasicStatus()
	leads := st.RaftState == raft.StateLeader
	switch k := c.rnd.IntN(100); {
	case k < 12 && !c.hasLeader(n, st.Lead), !c.healing && !leads && k < 1,
		c.healing && !leads && k < 3 && c.isOutrun(n.members, st.GetTerm()):
		_ = n.raft.Campaign()
	case leads && (k < 5 || !c.healing && k < 50):
		some := 1 + c.rnd.IntN(3)
		if c.parts[n.id] != 0 { // what it is not to keep
			some *= 4
		}
		for range some {
			data := fmt.Appendf(nil, "%d of %d", c.rnd.Uint64(), n.id)
			_ = n.raft.Propose(append(data, make([]byte, c.rnd.IntN(700))...))
		}
	case leads && (k < 55 || c.healing && k < 70):
		c.change(n)
	case c.healing:
	case k < 65:
		n.wanted = true
	case k < 67:
		n.crash()
		c.report.Crashes++
		c.rot(n)
		return
	}
	if n.raft != nil {
		n.raft.Tick()
	}
	if n.raft != nil && n.wanted {
		n.wanted = false
		n.alone(n.snapshot)
	}
}

// isOutrun reports whether a member has a higher term. Without PreVote, it hears no leader of a
// lower one, and if it does not know that it is a member, it is no candidate either.
func (c *cluster) isOutrun(members *raftpb.ConfState, term uint64) bool {
	for _, n := range c.nodes {
		if n.raft != nil && has(members, n.id) && n.raft.BasicStatus().GetTerm() > term {
			return true
		}
	}
	return false
}

// hasLeader reports whether node id leads, and node n hears of it: what n would notice after a
// while.
func (c *cluster) hasLeader(n *node, id uint64) bool {
	leader := c.nodes[id]
	return leader != nil && leader.raft != nil && c.parts[id] == c.parts[n.id] &&
		leader.raft.BasicStatus().RaftState == raft.StateLeader
}

// rot damages the disk of a node that is dead, once in a life.
func (c *cluster) rot(n *node) {
	if c.rots == 0 || c.rnd.IntN(8) > 0 {
		return
	}
	im := n.disk.real.Image()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(im)) {
		if b := im[name]; len(b) > 100 && !prepared.MatchString(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	name := names[c.rnd.IntN(len(names))]
	b := im[name]
	end := vouchedFor(im, name)
	if end == 0 {
		return
	}
	at := c.rnd.IntN(end)
	for i := at; i < min(at+64, end); i++ {
		b[i] = byte(c.rnd.Uint32())
	}
	c.rots--
	n.disk, n.rotten = newDisk(im), true
	c.watch.note("%d rots", n.id)
}

// vouchedFor returns how many bytes of a file something later vouches for. Damage to the newest
// save of a log can be taken for a torn write: docs/FORMAT.md 7.
func vouchedFor(im crashfs.Image, name string) (end int) {
	if !strings.HasSuffix(name, ".wal") {
		return len(im[name])
	}
	on := access.WithFS(crashfs.New(im.Clone())).(wal.Option)
	for r, err := range wal.Records("node", on) {
		switch {
		case err != nil:
			return end
		case path.Join("node", r.Segment) > name:
			return len(bytes.TrimRight(im[name], "\x00"))
		case path.Join("node", r.Segment) == name && r.Synced:
			end = int(r.Offset)
		}
	}
	return end
}

// part parts the cluster in two, or makes it one again. Often it is a leader that is cut off: its
// log then grows by what others replace.
func (c *cluster) part() {
	if leader := c.leader(); leader != nil && c.rnd.IntN(3) == 0 {
		clear(c.parts)
		c.parts[leader.id] = 1
		c.watch.note("%d is cut off", leader.id)
		return
	}
	for id := uint64(1); id <= c.newest; id++ {
		c.parts[id] = 0
		if c.rnd.IntN(3) == 0 {
			c.parts[id] = 1
		}
	}
	if c.rnd.IntN(3) > 0 {
		clear(c.parts)
	}
	c.watch.note("parts %v", c.parts)
}

// change proposes a change of the members: whoever is gone is to be replaced first.
func (c *cluster) change(n *node) {
	voters, learners := n.members.GetVoters(), n.members.GetLearners()
	if len(n.members.GetVotersOutgoing()) > 0 {
		_ = n.raft.ProposeConfChange(&raftpb.ConfChangeV2{}) // leave the joint members
		return
	}
	var changes []*raftpb.ConfChangeSingle
	add := func(t raftpb.ConfChangeType, id uint64) {
		changes = append(changes, &raftpb.ConfChangeSingle{Type: &t, NodeId: &id})
	}
	pick := func(ids []uint64) uint64 { return ids[c.rnd.IntN(len(ids))] }
	// Programs give the lead away before they remove the leader: see stranded.
	others := slices.DeleteFunc(slices.Clone(voters), func(id uint64) bool { return id == n.id })
	for _, id := range slices.Concat(voters, learners) {
		if c.nodes[id].gone {
			add(raftpb.ConfChangeRemoveNode, id)
			add(raftpb.ConfChangeAddNode, c.newest+1)
		}
	}
	switch k := c.rnd.IntN(4); {
	case len(changes) > 0 || c.healing || c.newest > 9:
	case len(learners) > 0 && k < 2:
		add(raftpb.ConfChangeAddNode, pick(learners))
	case len(voters) > 3 && k == 2:
		add(raftpb.ConfChangeRemoveNode, pick(others))
	case len(voters) >= 3 && k == 3:
		add(raftpb.ConfChangeRemoveNode, pick(others))
		add(raftpb.ConfChangeAddNode, c.newest+1)
	default:
		add(raftpb.ConfChangeAddLearnerNode, c.newest+1)
	}
	if len(changes) > 0 {
		_ = n.raft.ProposeConfChange(&raftpb.ConfChangeV2{Changes: changes})
	}
}

// post takes a message to the network, which may lose it, and deliver it late or twice.
func (c *cluster) post(l *letter) {
	copies := 1
	if !c.healing {
		switch k := c.rnd.IntN(40); {
		case k < 2:
			copies = 0
		case k == 2:
			copies = 2
		}
	}
	l.m = proto.Clone(l.m).(*raftpb.Message)
	for range copies {
		at := *l
		if at.due = c.round + 1; c.rnd.IntN(5) == 0 {
			at.due += c.rnd.IntN(6)
		}
		c.letters = append(c.letters, &at)
	}
	if copies == 0 {
		c.lost(l)
	}
}

// lost tells the sender of a snapshot that it did not arrive.
func (c *cluster) lost(l *letter) {
	if from := c.nodes[l.m.GetFrom()]; l.data != nil && from.raft != nil {
		from.raft.ReportSnapshot(l.m.GetTo(), raft.SnapshotFailure)
	}
}

// mail delivers what is due.
func (c *cluster) mail() {
	var due, later []*letter
	for _, l := range c.letters {
		if l.due <= c.round {
			due = append(due, l)
			continue
		}
		later = append(later, l)
	}
	c.letters = later
	for _, l := range due {
		from, to := l.m.GetFrom(), l.m.GetTo()
		n := c.nodes[to]
		if n == nil || n.raft == nil || c.parts[from] != c.parts[to] {
			c.lost(l)
			continue
		}
		n.receive(l)
		if l.data == nil {
			continue
		}
		c.report.Received++
		if sender := c.nodes[from]; sender.raft != nil {
			sender.raft.ReportSnapshot(to, raft.SnapshotFinish)
		}
	}
}

// heal ends all faults. The cluster must then have a leader, replace who is gone, and agree.
func (c *cluster) heal() {
	c.healing = true
	clear(c.parts)
	for range 3000 {
		c.live()
		leader := c.leader()
		if leader == nil || leader.machine.applied < c.watch.last {
			continue // or it is one of the past
		}
		if c.stopOthers(leader); c.agrees(leader) {
			return
		}
	}
	if c.report.Gone == 0 || !c.stranded() {
		never("the cluster does not agree after it was healed")
	}
	c.report.Stranded++
}

// stranded reports whether the cluster cannot have a leader any more, which is raft's own doing.
// The longest log is that of a node which takes itself for no voter: a leader that was removed, or
// a learner that has not applied that it was made a voter. So it is no candidate, and votes for
// nobody else. The others need its vote, because that of a node whose disk has rotted is gone for
// ever.
func (c *cluster) stranded() bool {
	type end struct{ term, last uint64 }
	var longest end
	candidate := true
	for _, n := range c.all() {
		if n.raft == nil {
			continue
		}
		last, _ := n.s.LastIndex()
		term, _ := n.s.Term(last)
		e := end{term, last}
		if e.term > longest.term || e.term == longest.term && e.last > longest.last {
			longest = e
			candidate = slices.Contains(n.members.GetVoters(), n.id) ||
				slices.Contains(n.members.GetVotersOutgoing(), n.id)
		}
	}
	return !candidate
}

// leader returns the newest leader that has applied something of its own term, or nil.
func (c *cluster) leader() (leader *node) {
	var newest uint64
	for _, n := range c.all() {
		if n.raft == nil {
			continue
		}
		st := n.raft.BasicStatus()
		term, err := n.s.Term(n.machine.applied)
		if st.RaftState == raft.StateLeader && err == nil && term == st.GetTerm() && term > newest {
			newest, leader = term, n
		}
	}
	return leader
}

// stopOthers stops the nodes that are no members any more. They need not have noticed, and would
// disturb the others.
func (c *cluster) stopOthers(leader *node) {
	for _, n := range c.all() {
		if n.raft != nil && !has(leader.members, n.id) {
			n.crash()
			n.gone = true
		}
	}
}

// agrees reports whether all members have applied what the leader has.
func (c *cluster) agrees(leader *node) bool {
	if len(leader.members.GetVotersOutgoing()) > 0 {
		return false
	}
	for _, id := range slices.Concat(leader.members.GetVoters(), leader.members.GetLearners()) {
		if n := c.nodes[id]; n.raft == nil || n.machine != leader.machine {
			return false
		}
	}
	return true
}
