// This file is empty. Its presence lets fork_linux.go declare functions without a body.
