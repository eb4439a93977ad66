// Package archive holds the applets that pack files, unpack them, and sum them up. It knows tar, gzip and
// checksums, and nothing of processes or networks.
package archive
