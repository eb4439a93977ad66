/*
 * What zfs-fuse 0.7 gets wrong, put right from outside: this is loaded into it before libfuse (LD_PRELOAD).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>
#include <unistd.h>

struct fuse_chan;
struct fuse_session;
int fuse_chan_fd(struct fuse_chan *ch);
struct fuse_session *fuse_chan_session(struct fuse_chan *ch);
struct fuse_chan *fuse_session_next_chan(struct fuse_session *se, struct fuse_chan *ch);
void fuse_session_remove_chan(struct fuse_chan *ch);

/*
 * Its threads take turns: one polls all file systems and reads a request, and meanwhile holds the lock
 * without which no other does. But the kernel takes back what it has announced: an interrupt whose request was answered in
 * between (each signal that a process gets while it waits makes one, and Go sends its threads signals all the
 * time), or the request of a process that was killed. The read then waits for that one file system, and nobody
 * serves the others. So it must not wait; 0 is what the caller takes for nothing.
 */
int fuse_chan_recv(struct fuse_chan **ch, char *buf, size_t size)
{
	int (*real)(struct fuse_chan **, char *, size_t) = dlsym(RTLD_NEXT, "fuse_chan_recv");
	int n = real(ch, buf, size);

	return n == -EAGAIN || n == -EINTR ? 0 : n;
}

/*
 * A new file system is told to that thread by two writes to a pipe. Those of two that are mounted at once must not mix.
 */
static pthread_mutex_t telling = PTHREAD_MUTEX_INITIALIZER;
static __thread int writes;

void fuse_session_add_chan(struct fuse_session *se, struct fuse_chan *ch)
{
	void (*real)(struct fuse_session *, struct fuse_chan *) = dlsym(RTLD_NEXT, "fuse_session_add_chan");
	int fd = fuse_chan_fd(ch);

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	real(se, ch);
	pthread_mutex_lock(&telling); /* what follows are the two writes */
	writes = 2;
}

ssize_t write(int fd, const void *buf, size_t size)
{
	ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
	ssize_t n = real(fd, buf, size);

	if (writes > 0 && --writes == 0)
		pthread_mutex_unlock(&telling);
	return n;
}

/*
 * The descriptor is closed with the channel, and then once more by number, which may be another's by then. So the channel is
 * kept, some bytes for each unmount. What another thread answers meanwhile is for nobody, and libfuse aborts over it.
 */
static pthread_rwlock_t leaving = PTHREAD_RWLOCK_INITIALIZER;

void fuse_session_destroy(struct fuse_session *se)
{
	void (*real)(struct fuse_session *) = dlsym(RTLD_NEXT, "fuse_session_destroy");
	struct fuse_chan *ch = fuse_session_next_chan(se, NULL);

	if (ch) {
		pthread_rwlock_wrlock(&leaving);
		fuse_session_remove_chan(ch);
		pthread_rwlock_unlock(&leaving);
	}
	real(se);
}

int fuse_chan_send(struct fuse_chan *ch, const struct iovec iov[], size_t count)
{
	int (*real)(struct fuse_chan *, const struct iovec *, size_t) = dlsym(RTLD_NEXT, "fuse_chan_send");
	int err = 0;

	pthread_rwlock_rdlock(&leaving);
	if (fuse_chan_session(ch))
		err = real(ch, iov, count);
	pthread_rwlock_unlock(&leaving);
	return err;
}
