package release

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"

	"golang.org/x/crypto/blake2b"

	"github.com/libioc/ioc/events"
	"github.com/libioc/ioc/fault"
	"github.com/libioc/ioc/internal/download"
)

// Signature says who must have signed an archive: with minisign, or with OpenBSD's signify. The zero
// Signature asks for none.
type Signature struct {
	Key   string          // the public key: a file of it, or its line of base64
	Where string          // the signature: a file, or a URL
	Cache *download.Cache // for a URL
}

// Formats: minisign's "Signature format", signify(1) and its crypto_api.h. All numbers of bytes are those of Ed25519.
const (
	algorithm       = "Ed" // of a key, and of a signature of the file itself
	algorithmHashed = "ED" // of a signature of the file's BLAKE2b-512: minisign's usual one
	keyID           = 8
	rawMax          = 1 << 30 // a file that is signed itself has to be in memory
)

// verifier takes what is read of an archive, and says at last whether that was signed.
type verifier struct {
	key       ed25519.PublicKey
	signature []byte
	hashed    hash.Hash    // nil: the bytes themselves are signed
	raw       bytes.Buffer // those
	n         int64
}

// verifier reads key and signature. It is nil for a Signature that asks for none.
func (g Signature) verifier(s events.Step) (*verifier, error) {
	if g == (Signature{}) {
		return nil, nil
	}
	if g.Key == "" || g.Where == "" {
		return nil, fault.New("", fault.Invalid, "signature", errors.New("it takes a key and a signature")).
			WithRemedy("name both: --key and --signature")
	}
	keyText := g.Key
	if text, err := os.ReadFile(g.Key); err == nil {
		keyText = string(text)
	} else if _, err := base64.StdEncoding.DecodeString(g.Key); err != nil {
		return nil, fault.New("", fault.NotFound, g.Key, errors.New("it is no file with a public key, and no key itself"))
	}
	v := &verifier{}
	key, err := decodeKey(keyText)
	if err != nil {
		return nil, fault.New("", fault.Invalid, g.Key, err)
	}
	v.key = ed25519.PublicKey(key[len(algorithm)+keyID:])
	path := g.Where
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		if path, err = g.Cache.Get(s, download.Request{URL: g.Where, Max: 64 << 10}); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New("", fault.NotFound, g.Where, errors.Unwrap(err))
	}
	if err := v.read(string(text), key); err != nil {
		return nil, fault.New("", fault.Unknown, g.Where, err)
	}
	return v, nil
}

func decodeKey(text string) ([]byte, error) {
	lines := content(text)
	if len(lines) == 0 {
		return nil, errors.New("it holds no key")
	}
	key, err := base64.StdEncoding.DecodeString(lines[0])
	if err != nil || len(key) != len(algorithm)+keyID+ed25519.PublicKeySize || string(key[:len(algorithm)]) != algorithm {
		return nil, errors.New("it is no public key of minisign or signify")
	}
	return key, nil
}

// read reads a signature, which must be of this key.
func (v *verifier) read(text string, key []byte) error {
	lines := content(text)
	bad := fault.New("", fault.Invalid, "", errors.New("it is no signature of minisign or signify"))
	if len(lines) == 0 {
		return bad
	}
	sig, err := base64.StdEncoding.DecodeString(lines[0])
	if err != nil || len(sig) != len(algorithm)+keyID+ed25519.SignatureSize {
		return bad
	}
	switch string(sig[:len(algorithm)]) {
	case algorithm:
	case algorithmHashed:
		if v.hashed, err = blake2b.New512(nil); err != nil {
			return err
		}
	default:
		return bad
	}
	if id := sig[len(algorithm) : len(algorithm)+keyID]; !bytes.Equal(id, key[len(algorithm):len(algorithm)+keyID]) {
		return fault.New("", fault.Denied, "", errors.New("it was made with another key"))
	}
	v.signature = sig[len(algorithm)+keyID:]
	// minisign signs its comment, too, together with the signature. signify has none, and does not sign hashes.
	_, after, ok := strings.Cut(text, "\ntrusted comment:")
	switch {
	case !ok && v.hashed != nil:
		return fault.New("", fault.Corrupt, "", errors.New("its trusted comment is missing"))
	case !ok && len(lines) != 1:
		return bad
	case ok:
		comment, _, _ := strings.Cut(strings.TrimPrefix(after, " "), "\n")
		global, err := base64.StdEncoding.DecodeString(lines[len(lines)-1])
		if err != nil || len(lines) != 2 || !ed25519.Verify(v.key, append(bytes.Clone(v.signature), strings.TrimSuffix(comment, "\r")...), global) {
			return fault.New("", fault.Corrupt, "", errors.New("its trusted comment is not the one that was signed"))
		}
	}
	return nil
}

// content are the lines that are no comments.
func content(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "untrusted comment:") && !strings.HasPrefix(line, "trusted comment:") {
			lines = append(lines, line)
		}
	}
	return lines
}

// Write takes the next bytes of the archive.
func (v *verifier) Write(p []byte) (int, error) {
	v.n += int64(len(p))
	if v.hashed != nil {
		return v.hashed.Write(p)
	}
	if v.n > rawMax {
		return 0, fault.New("", fault.NotSupported, "", fmt.Errorf("a file of more than %d bytes that is signed itself", rawMax)).
			WithRemedy("sign its hash: minisign -H")
	}
	return v.raw.Write(p)
}

// check says whether all that was written is what was signed.
func (v *verifier) check() error {
	if v == nil {
		return nil
	}
	if v.n == 0 {
		return fault.New("", fault.Invalid, "", errors.New("it is no single archive, and only those are signed"))
	}
	message := v.raw.Bytes()
	if v.hashed != nil {
		message = v.hashed.Sum(nil)
	}
	if !ed25519.Verify(v.key, message, v.signature) {
		return fault.New("", fault.Corrupt, "", errors.New("it is not what was signed")).
			WithRemedy("get it again, from somebody you trust")
	}
	return nil
}
