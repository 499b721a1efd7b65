// Processor time, memory, percentiles, and how they are printed.
package main

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func printMetric(name string, value float64, unit string) {
	fmt.Printf("%s\t%.6g\t%s\n", name, value, unit)
}

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
