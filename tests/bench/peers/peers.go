// peers server PORT yamux|smux
// peers client PORT yamux|smux W1|W2|W3|W4|W5|W7 [key=value ...]
// The workloads of mux_bench over yamux and smux (protocol version 1) with their default settings.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

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
