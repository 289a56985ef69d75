/* Preloaded into tfm by tests/it/faults.rs: the FAULT_AT-th call that changes a file fails, or the
 * process is killed there. FAULT is "kill", "torn" (half of a write, then the kill), or the number
 * of an error. The number of calls goes to the file FAULT_COUNT.
 * FAULT may also be what the system never has: "locks", "maps", "synced folders" or "threads". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long calls;

static int lacks(const char *what) {
    const char *fault = getenv("FAULT");
    return fault && !strcmp(fault, what);
}

/* Whether this call fails; a kill does not come back. */
static int strikes(int fd, const void *bytes, size_t count) {
    const char *at = getenv("FAULT_AT"), *fault = getenv("FAULT");
    long call = __sync_add_and_fetch(&calls, 1);
    if (!at || !fault || call != atol(at)) return 0;
    if (!strcmp(fault, "torn") && bytes) syscall(SYS_write, fd, bytes, count / 2);
    if (!strcmp(fault, "torn") || !strcmp(fault, "kill")) kill(getpid(), SIGKILL);
    errno = atoi(fault);
    return 1;
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("FAULT_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) fprintf(file, "%ld", calls), fclose(file);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    if (fd > 2 && strikes(fd, bytes, count)) return -1;
    return syscall(SYS_write, fd, bytes, count);
}

int fsync(int fd) {
    struct stat file;
    if (lacks("synced folders") && !fstat(fd, &file) && S_ISDIR(file.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    return strikes(fd, NULL, 0) ? -1 : syscall(SYS_fsync, fd);
}

int flock(int fd, int operation) {
    if (lacks("locks")) {
        errno = ENOLCK;
        return -1;
    }
    return syscall(SYS_flock, fd, operation);
}

void *mmap64(void *at, size_t size, int access, int flags, int fd, off_t start) {
    if (fd >= 0 && lacks("maps")) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, size, access, flags, fd, start);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *with) {
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return lacks("threads") ? EAGAIN : real(thread, how, run, with);
}

int ftruncate64(int fd, off_t size) {
    return strikes(fd, NULL, 0) ? -1 : syscall(SYS_ftruncate, fd, size);
}

int rename(const char *from, const char *to) {
    return strikes(-1, NULL, 0) ? -1 : syscall(SYS_renameat2, -100, from, -100, to, 0);
}

int unlink(const char *path) {
    return strikes(-1, NULL, 0) ? -1 : syscall(SYS_unlinkat, -100, path, 0);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
    return strikes(-1, NULL, 0) ? -1 : syscall(SYS_linkat, a, from, b, to, flags);
}
