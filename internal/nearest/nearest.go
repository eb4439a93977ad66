// Package nearest finds the word that a mistyped one was meant to be.
//
// It owns the measure and how far is too far. It refuses to know what the words are: commands,
// properties and jails are all the same to it.
//
//	nearest.Word("memroyuse", properties) // "memoryuse"
package nearest

// Word is the word of all that s was probably meant to be, "" if none is near. Of several equally near
// ones it is the first.
func Word(s string, all []string) string {
	best, limit := "", len(s)/3+2
	for _, w := range all {
		if d := distance(s, w); d < limit && d < max(len(s), len(w)) {
			best, limit = w, d
		}
	}
	return best
}

// distance counts the characters to insert, remove, replace or swap with their neighbour to make b of a.
func distance(a, b string) int {
	if a == b {
		return 0
	}
	x, y := []rune(a), []rune(b)
	row := func() []int { return make([]int, len(y)+1) }
	before, above, here := row(), row(), row()
	for j := range above {
		above[j] = j
	}
	for i, c := range x {
		here[0] = i + 1
		for j, d := range y {
			cost := 1
			if c == d {
				cost = 0
			}
			here[j+1] = min(above[j]+cost, above[j+1]+1, here[j]+1)
			if i > 0 && j > 0 && c == y[j-1] && x[i-1] == d {
				here[j+1] = min(here[j+1], before[j-1]+1)
			}
		}
		before, above, here = above, here, before
	}
	return above[len(y)]
}
