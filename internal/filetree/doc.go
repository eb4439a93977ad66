// Package filetree writes, copies, measures and removes trees of files that nobody vouches for.
//
// It owns one rule: no name and no symbolic link inside a tree ever leads an operation on it out of
// the tree. All work is done relative to open directories; links are never followed in the last
// element of a path, and in the others only where the kernel can promise that they stay inside.
//
// It refuses to know what the trees are: releases, layers and jails are the matter of its callers.
package filetree
