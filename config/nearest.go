package config

// nearest is the known name that name was probably meant to be, "" if none is near.
func nearest(name string) string {
	best, at := "", len(name)/3+2
	for _, p := range Properties() {
		if d := distance(name, p.Name); d < at {
			best, at = p.Name, d
		}
	}
	for _, n := range elsewhere() {
		if d := distance(name, n); d < at {
			best, at = n, d
		}
	}
	return best
}

// distance counts the characters to insert, remove, replace or swap with their neighbour to make b of a.
func distance(a, b string) int {
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	var twoAbove []int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		twoAbove, above, row = above, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(above[j]+change, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], twoAbove[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
