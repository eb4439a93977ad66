// Package oci gets releases from container images: from a registry, an OCI layout or the archive that
// docker save writes.
//
// It owns the reading of references, manifests and configurations, the choice of a platform and the
// credentials of the usual file (~/.docker/config.json and its helpers). Layers are downloaded at once,
// each is checked against its digest, and what was downloaded is gone on with. It refuses to know how
// layers become files (package release) and where those are kept.
//
//	src, err := oci.Registry("docker.io/library/debian:bookworm", oci.Options{Cache: cache})
//	if err != nil {
//		return err // no reference
//	}
//	info, err := release.Import(driver, release.ImportOptions{Name: "debian", Source: src}).Do(ctx)
package oci
