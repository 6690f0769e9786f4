package media

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/srtp/v3"
)

// keyring learns the keys of a leg's sound from its DTLS handshake, in which we are the server: pion keeps them
// to itself, but tells the server's hello to a hook and the master secret to a key log. That log is this value
// and nothing else; no key leaves the process.
type keyring struct {
	mu           sync.Mutex
	clientRandom []byte
	serverRandom []byte
	master       []byte
	suite        dtls.CipherSuiteID
	profile      srtp.ProtectionProfile
}

var errNoKeys = errors.New("the handshake is not over, or was of another kind")

// hello is pion's hook for the server's hello, which it leaves as it is.
func (k *keyring) hello(m handshake.MessageServerHello) handshake.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	random := m.Random.MarshalFixed()
	k.serverRandom = random[:]
	if m.CipherSuiteID != nil {
		k.suite = dtls.CipherSuiteID(*m.CipherSuiteID)
	}
	for _, e := range m.Extensions {
		if s, ok := e.(*extension.UseSRTP); ok && len(s.ProtectionProfiles) == 1 {
			k.profile = srtp.ProtectionProfile(s.ProtectionProfiles[0])
		}
	}
	return &m
}

// Write takes a line of the key log: "CLIENT_RANDOM", the client's random and the master secret, in hex.
func (k *keyring) Write(line []byte) (int, error) {
	f := bytes.Fields(line)
	if len(f) != 3 || string(f[0]) != "CLIENT_RANDOM" {
		return len(line), nil
	}
	random, err := hex.DecodeString(string(f[1]))
	if err != nil {
		return 0, fmt.Errorf("read the client's random: %w", err)
	}
	master, err := hex.DecodeString(string(f[2]))
	if err != nil {
		return 0, errors.New("read the master secret: not hex") // never quoted
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clientRandom, k.master = random, master
	return len(line), nil
}

// keys are those of RFC 5764, 4.2.
func (k *keyring) keys() (srtp.SessionKeys, srtp.ProtectionProfile, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.master == nil || k.serverRandom == nil || k.profile == 0 {
		return srtp.SessionKeys{}, 0, errNoKeys
	}
	c := srtp.Config{Profile: k.profile}
	if err := c.ExtractSessionKeysFromDTLS(exporter{k}, false); err != nil {
		return srtp.SessionKeys{}, 0, fmt.Errorf("derive the keys of the sound: %w", err)
	}
	return c.Keys, k.profile, nil
}

// exporter is RFC 5705 over a keyring whose mu is held.
type exporter struct{ k *keyring }

func (e exporter) ExportKeyingMaterial(label string, _ []byte, length int) ([]byte, error) {
	var h func() hash.Hash = sha256.New
	switch e.k.suite {
	case dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		h = sha512.New384
	}
	seed := append(append([]byte(label), e.k.clientRandom...), e.k.serverRandom...)
	return prf.PHash(e.k.master, seed, length, h)
}
