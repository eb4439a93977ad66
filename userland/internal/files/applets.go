//go:build linux

package files

import "github.com/libioc/ioc/userland/internal/applet"

// Applets lists the package's applets.
func Applets() []applet.Applet {
	return []applet.Applet{
		{Name: "[", Args: "EXPRESSION ]", About: "Evaluate a condition.", Run: test},
		{Name: "basename", Args: "PATH [SUFFIX]", About: "Print the last part of a path.", Run: basename},
		{Name: "chgrp", Args: "[OPTION]... GROUP FILE...", About: "Change the group of files.", Run: chown},
		{Name: "chmod", Args: "[OPTION]... MODE FILE...", About: "Change the permissions of files.", Run: chmod},
		{Name: "chown", Args: "[OPTION]... OWNER[:GROUP] FILE...", About: "Change the owner of files.", Run: chown},
		{Name: "cp", Args: "[OPTION]... SOURCE... DEST", About: "Copy files and directories.", Run: cp},
		{Name: "dd", Args: "[OPERAND]...", About: "Copy a file in blocks.", Run: dd},
		{Name: "df", Args: "[OPTION]... [FILE]...", About: "Show how full file systems are.", Run: df},
		{Name: "dirname", Args: "PATH...", About: "Print paths without their last part.", Run: dirname},
		{Name: "du", Args: "[OPTION]... [FILE]...", About: "Show how much space files take.", Run: du},
		{Name: "find", Args: "[-H|-L|-P] [PATH]... [EXPRESSION]", About: "Find files by a condition.", Run: find},
		{Name: "install", Args: "[OPTION]... SOURCE... DEST", About: "Copy files and set their mode and owner.", Run: install},
		{Name: "ln", Args: "[OPTION]... TARGET... [LINK]", About: "Make links to files.", Run: ln},
		{Name: "ls", Args: "[OPTION]... [FILE]...", About: "List files.", Run: ls},
		{Name: "mkdir", Args: "[OPTION]... DIRECTORY...", About: "Make directories.", Run: mkdir},
		{Name: "mkfifo", Args: "[OPTION]... NAME...", About: "Make named pipes.", Run: mkfifo},
		{Name: "mknod", Args: "[OPTION]... NAME TYPE [MAJOR MINOR]", About: "Make a device file or a named pipe.", Run: mknod},
		{Name: "mktemp", Args: "[OPTION]... [TEMPLATE]", About: "Make a file or directory with a new name.", Run: mktemp},
		{Name: "mv", Args: "[OPTION]... SOURCE... DEST", About: "Move or rename files.", Run: mv},
		{Name: "pwd", Args: "[OPTION]...", About: "Print the working directory.", Run: pwd},
		{Name: "readlink", Args: "[OPTION]... FILE...", About: "Print where symbolic links point.", Run: readlink},
		{Name: "realpath", Args: "[OPTION]... FILE...", About: "Print paths without symbolic links.", Run: realpath},
		{Name: "rm", Args: "[OPTION]... FILE...", About: "Remove files and directories.", Run: rm},
		{Name: "rmdir", Args: "[OPTION]... DIRECTORY...", About: "Remove empty directories.", Run: rmdir},
		{Name: "stat", Args: "[OPTION]... FILE...", About: "Show what is known about files.", Run: stat},
		{Name: "sync", Args: "[FILE]...", About: "Write buffered data to the disks.", Run: sync},
		{Name: "test", Args: "EXPRESSION", About: "Evaluate a condition.", Run: test},
		{Name: "touch", Args: "[OPTION]... FILE...", About: "Set the times of files, and make those that are missing.", Run: touch},
		{Name: "truncate", Args: "OPTION... FILE...", About: "Set the size of files.", Run: truncate},
		{Name: "which", Args: "[-a] NAME...", About: "Print which files commands stand for.", Run: which},
	}
}
