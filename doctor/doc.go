// Package doctor owns what can be said of a host that is not in order: a [Finding] names a thing, says why
// it is wrong and how one knows whose it is, and has the change that puts it right.
//
// Whoever makes things in the system (a storage or sandbox driver, the journal, the locks) is an [Inspector]
// of its own debris. It says under which names the records of its maker would have a thing; [Examine] asks the
// journal for those, so that what a running operation is just making, or a running jail stands on, is never
// taken for debris. The package refuses to know what the things are, and changes nothing itself.
//
//	found := doctor.Examine(ctx, records, storage, sandbox)
//	for _, f := range found {
//		fmt.Println(f.Text, f.Proof, f.Remedy)
//	}
package doctor
