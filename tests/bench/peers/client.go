// The workloads.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

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
