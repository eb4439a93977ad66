// Command bench compares ioc with the other programs that isolate processes on Linux.
//
// It owns the measuring: the same root file system and the same program for all of them, interleaved
// rounds so that what else the machine does hits all alike, and tables that say what was left out and
// why. It refuses to know what a good result is, beside the bars that it prints as met or missed.
//
//	make bench
package main
