// What the server does with the sub-streams that a client opens.
package main

import (
	"encoding/binary"
	"io"
	"net"
	"runtime/debug"
)

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

func min(a, b uint64) uint64 {
	if a < b {
		return a
	}
	return b
}
