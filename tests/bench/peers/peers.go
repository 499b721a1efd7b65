// peers server PORT yamux|smux
// peers client PORT yamux|smux W1|W2|W3|W4|W5|W7 [key=value ...]
// The workloads of mux_bench over yamux and smux (protocol version 1) with their default settings.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"
	"github.com/xtaci/smux"
)

const pingSize = 64

// session is what the two libraries have in common.
type session struct {
	open, accept func() (io.ReadWriteCloser, error)
}

func overYamux(s *yamux.Session, err error) (session, error) {
	return session{
		func() (io.ReadWriteCloser, error) { return s.OpenStream() },
		func() (io.ReadWriteCloser, error) { return s.AcceptStream() },
	}, err
}

func overSmux(s *smux.Session, err error) (session, error) {
	return session{
		func() (io.ReadWriteCloser, error) { return s.OpenStream() },
		func() (io.ReadWriteCloser, error) { return s.AcceptStream() },
	}, err
}

func newSession(library string, conn net.Conn, server bool) (session, error) {
	switch {
	case library == "yamux" && server:
		return overYamux(yamux.Server(conn, nil))
	case library == "yamux":
		return overYamux(yamux.Client(conn, nil))
	case library == "smux" && server:
		return overSmux(smux.Server(conn, nil))
	case library == "smux":
		return overSmux(smux.Client(conn, nil))
	}
	return session{}, fmt.Errorf("'%s' is no library here; it is yamux or smux", library)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// --- server

func takeAll(s io.ReadWriteCloser, chunk int) {
	var head [8]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return
	}
	block := make([]byte, chunk)
	for left := binary.LittleEndian.Uint64(head[:]); left > 0; {
		n, err := s.Read(block[:min(left, uint64(chunk))])
		if err != nil {
			return
		}
		left -= uint64(n)
	}
	s.Write(head[:])
	s.Read(block[:1]) // the client closes
}

func sendBack(s io.ReadWriteCloser) {
	var message [pingSize]byte
	for {
		if _, err := io.ReadFull(s, message[:]); err != nil {
			return
		}
		if _, err := s.Write(message[:]); err != nil {
			return
		}
	}
}

func serveStream(s io.ReadWriteCloser, chunk int) {
	defer s.Close()
	var asked [1]byte
	if _, err := io.ReadFull(s, asked[:]); err != nil {
		return
	}
	switch asked[0] {
	case 'S':
		takeAll(s, chunk)
		return
	case 'E':
		sendBack(s)
		return
	case 'G':
		debug.FreeOSMemory()
	}
	s.Write(asked[:])
	if asked[0] == 'I' {
		s.Read(asked[:])
	}
}

func serveConn(library string, conn net.Conn, chunk int) {
	m, err := newSession(library, conn, true)
	check(err)
	for {
		s, err := m.accept()
		if err != nil {
			return
		}
		go serveStream(s, chunk)
	}
}

func runServer(address, library string, v values) {
	chunk := int(v.number("chunk", 65536))
	listener, err := net.Listen("tcp", address)
	check(err)
	for {
		conn, err := listener.Accept()
		check(err)
		go serveConn(library, conn, chunk)
	}
}

// --- what the client measures

type values map[string]string

func parse(words []string) values {
	v := values{}
	for _, word := range words {
		key, value, found := strings.Cut(word, "=")
		if !found {
			check(fmt.Errorf("'%s' is not of the form key=value", word))
		}
		v[key] = value
	}
	return v
}

func (v values) number(key string, otherwise float64) float64 {
	text, found := v[key]
	if !found {
		return otherwise
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n <= 0 {
		check(fmt.Errorf("%s is '%s', it must be a number above 0", key, text))
	}
	return n
}

func printMetric(name string, value float64, unit string) { fmt.Printf("%s\t%.6g\t%s\n", name, value, unit) }

func printLatencies(all []uint32) {
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	for _, p := range []struct {
		name string
		part float64
	}{{"p50", .5}, {"p99", .99}, {"p999", .999}} {
		if len(all) > 0 {
			printMetric(p.name, float64(all[int(p.part*float64(len(all)))])/1000, "us")
		}
	}
}

func ownTime() float64 {
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

func timeOf(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(err)
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

func resident(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(err)
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			kibibytes, err := strconv.ParseFloat(strings.Fields(line)[1], 64)
			check(err)
			return kibibytes * 1024
		}
	}
	check(errors.New("no resident memory is known"))
	return 0
}

type stopwatch struct {
	pid          int
	self, server float64
	begin        time.Time
}

func startWatch(pid int) stopwatch { return stopwatch{pid, ownTime(), timeOf(pid), time.Now()} }

func (w stopwatch) seconds() float64 { return time.Since(w.begin).Seconds() }

func (w stopwatch) printTransfer(bytes float64) {
	passed, gibibytes := w.seconds(), bytes/(1<<30)
	client, server := (ownTime()-w.self)/gibibytes, (timeOf(w.pid)-w.server)/gibibytes
	printMetric("MBps", bytes/1e6/passed, "MB/s")
	printMetric("secs", passed, "s")
	printMetric("cpu_client_per_GiB", client, "s/GiB")
	printMetric("cpu_server_per_GiB", server, "s/GiB")
	printMetric("cpu_per_GiB", client+server, "s/GiB")
}

func (w stopwatch) printRate(rate, cost string, n float64) {
	printMetric(rate, n/w.seconds(), "1/s")
	printMetric(cost, (ownTime()-w.self+timeOf(w.pid)-w.server)*1e6/n, "us")
}

// --- client

type client struct {
	session
	streams, chunk, pid    int
	seconds, leastGibibyte float64
}

func (c client) visit(asked byte) io.ReadWriteCloser {
	s, err := c.open()
	check(err)
	block := [1]byte{asked}
	_, err = s.Write(block[:])
	check(err)
	_, err = io.ReadFull(s, block[:])
	check(err)
	return s
}

func (c client) transfer(size uint64, sent *uint64) {
	s, err := c.open()
	check(err)
	head := [9]byte{'S'}
	binary.LittleEndian.PutUint64(head[1:], size)
	_, err = s.Write(head[:])
	check(err)
	block := make([]byte, c.chunk)
	for left := size; left > 0; {
		n, err := s.Write(block[:min(left, uint64(c.chunk))])
		check(err)
		left -= uint64(n)
		atomic.AddUint64(sent, uint64(n))
	}
	_, err = io.ReadFull(s, head[1:])
	check(err)
	if taken := binary.LittleEndian.Uint64(head[1:]); taken != size {
		check(fmt.Errorf("the server took %d bytes of %d", taken, size))
	}
	s.Close()
}

func (c client) ping(end time.Time, into *[]uint32) {
	s, err := c.open()
	check(err)
	_, err = s.Write([]byte{'E'})
	check(err)
	var message [pingSize]byte
	for begun := time.Now(); begun.Before(end); {
		_, err = s.Write(message[:])
		check(err)
		_, err = io.ReadFull(s, message[:])
		check(err)
		now := time.Now()
		*into = append(*into, uint32(now.Sub(begun)))
		begun = now
	}
	s.Close()
}

// each runs so many goroutines and waits for them.
func each(n int, body func(int)) {
	var all sync.WaitGroup
	all.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			defer all.Done()
			body(i)
		}(i)
	}
	all.Wait()
}

func (c client) transferAll(total uint64) float64 {
	begin := time.Now()
	var sent uint64
	each(c.streams, func(int) { c.transfer(total/uint64(c.streams), &sent) })
	return time.Since(begin).Seconds()
}

func (c client) bulk() {
	const warmUp = 1 << 29
	wanted := warmUp / c.transferAll(warmUp) * c.seconds
	if least := c.leastGibibyte * (1 << 30); wanted < least {
		wanted = least
	}
	round := uint64(c.streams * c.chunk)
	total := (uint64(wanted)/round + 1) * round
	watch := startWatch(c.pid)
	c.transferAll(total)
	watch.printTransfer(float64(total))
}

func (c client) visits() {
	watch := startWatch(c.pid)
	end := time.Now().Add(time.Duration(c.seconds * 1e9))
	var done uint64
	each(c.streams, func(int) {
		for time.Now().Before(end) {
			c.visit('C').Close()
			atomic.AddUint64(&done, 1)
		}
	})
	watch.printRate("streams_per_s", "cpu_us_per_stream", float64(done))
}

func (c client) pings() {
	of := make([][]uint32, c.streams)
	watch := startWatch(c.pid)
	end := time.Now().Add(time.Duration(c.seconds * 1e9))
	each(c.streams, func(i int) {
		of[i] = make([]uint32, 0, 1<<18)
		c.ping(end, &of[i])
	})
	var all []uint32
	for _, some := range of {
		all = append(all, some...)
	}
	watch.printRate("rt_per_s", "cpu_us_per_rt", float64(len(all)))
	printLatencies(all)
}

// The garbage of both sides goes back to the system before memory is measured.
func (c client) footprint() (own, server float64) {
	runtime.GC()
	debug.FreeOSMemory()
	c.visit('G').Close()
	time.Sleep(300 * time.Millisecond)
	return resident(os.Getpid()), resident(c.pid)
}

func (c client) idle() {
	c.visit('C').Close()
	time.Sleep(500 * time.Millisecond)
	own, server := c.footprint()
	open := make([]io.ReadWriteCloser, 0, c.streams)
	begin := time.Now()
	for i := 0; i < c.streams; i++ {
		open = append(open, c.visit('I'))
	}
	printMetric("open_secs", time.Since(begin).Seconds(), "s")
	time.Sleep(time.Second)
	ownAfter, serverAfter := c.footprint()
	printMetric("base_client_rss", own/1024, "KiB")
	printMetric("base_server_rss", server/1024, "KiB")
	printMetric("client_B_per_stream", (ownAfter-own)/float64(c.streams), "B")
	printMetric("server_B_per_stream", (serverAfter-server)/float64(c.streams), "B")
	runtime.KeepAlive(open)
}

func (c client) bulkAndPing() {
	var sent uint64
	go c.transfer(1<<50, &sent)
	time.Sleep(500 * time.Millisecond)
	before, begin := atomic.LoadUint64(&sent), time.Now()
	all := make([]uint32, 0, 1<<20)
	c.ping(begin.Add(time.Duration(c.seconds*1e9)), &all)
	passed := time.Since(begin).Seconds()
	printMetric("bulk_MBps", float64(atomic.LoadUint64(&sent)-before)/1e6/passed, "MB/s")
	printMetric("rt_per_s", float64(len(all))/passed, "1/s")
	printLatencies(all)
}

func runClient(address, library, workload string, v values) {
	usual := map[string]float64{"W1": 1, "W2": 64, "W3": 1, "W4": 1, "W5": 1000, "W7": 1}
	streams, known := usual[workload]
	if !known {
		check(fmt.Errorf("'%s' is no workload; it is W1, W2, W3, W4, W5 or W7", workload))
	}
	conn, err := net.Dial("tcp", address)
	check(err)
	m, err := newSession(library, conn, false)
	check(err)
	c := client{m, int(v.number("streams", streams)), int(v.number("chunk", 65536)),
		int(v.number("serverpid", float64(os.Getpid()))), v.number("secs", 5), v.number("mingib", 4)}
	run := map[string]func(){"W1": c.bulk, "W2": c.bulk, "W3": c.visits, "W4": c.pings, "W5": c.idle, "W7": c.bulkAndPing}
	run[workload]()
}

func min(a, b uint64) uint64 {
	if a < b {
		return a
	}
	return b
}

func main() {
	words := os.Args[1:]
	switch {
	case len(words) >= 3 && words[0] == "server":
		runServer("127.0.0.1:"+words[1], words[2], parse(words[3:]))
	case len(words) >= 4 && words[0] == "client":
		runClient("127.0.0.1:"+words[1], words[2], words[3], parse(words[4:]))
	default:
		check(errors.New("the command is server PORT LIBRARY or client PORT LIBRARY WORKLOAD"))
	}
}
