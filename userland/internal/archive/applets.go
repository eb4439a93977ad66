//go:build linux

package archive

import "github.com/libioc/ioc/userland/internal/applet"

// Applets lists the package's applets.
func Applets() []applet.Applet {
	return []applet.Applet{
		{Name: "base64", Args: "[OPTION]... [FILE]", About: "Encode or decode base64.", Run: base64Codec},
		{Name: "bunzip2", Args: "[OPTION]... [FILE]...", About: "Unpack bzip2 files.", Run: bunzip2},
		{Name: "cksum", Args: "[FILE]...", About: "Print POSIX checksums and sizes of files.", Run: cksum},
		{Name: "gunzip", Args: "[OPTION]... [FILE]...", About: "Unpack gzip files.", Run: gzipFiles},
		{Name: "gzip", Args: "[OPTION]... [FILE]...", About: "Pack files with gzip.", Run: gzipFiles},
		{Name: "md5sum", Args: "[OPTION]... [FILE]...", About: "Print or check MD5 sums of files.", Run: sums},
		{Name: "sha1sum", Args: "[OPTION]... [FILE]...", About: "Print or check SHA-1 sums of files.", Run: sums},
		{Name: "sha256sum", Args: "[OPTION]... [FILE]...", About: "Print or check SHA-256 sums of files.", Run: sums},
		{Name: "sha512sum", Args: "[OPTION]... [FILE]...", About: "Print or check SHA-512 sums of files.", Run: sums},
		{Name: "tar", Args: "-c|-x|-t [OPTION]... [FILE]...", About: "Pack files into an archive, unpack them, or list them.", Run: tarFiles},
		{Name: "zcat", Args: "[FILE]...", About: "Unpack gzip files to standard output.", Run: gzipFiles},
	}
}
