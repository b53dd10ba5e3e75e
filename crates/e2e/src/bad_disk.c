/* A bad disk, preloaded into the server: it is slow, it fails when the test says so, and a file shared with the test says
 * which calls were under way when the server was killed. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "open_file.h"

/* In the order in which bad_disk.rs reads them. Only the thread that writes the store changes them. */
static struct state {
    volatile uint64_t writes_begun, writes_done, syncs_begun, syncs_done, writes_refused;
    /* Written by the test: which calls fail from now on. */
    volatile uint64_t fault;
} *state;

enum { WRITES_FAIL = 1, SYNCS_FAIL, WRITES_FIND_NO_SPACE, WRITES_FIND_NO_QUOTA, SYNCS_FIND_NO_SPACE };

/* What a write gives, 0 where it works. */
static int write_error(void)
{
    switch (state->fault) {
    case WRITES_FAIL: return EIO;
    case WRITES_FIND_NO_SPACE: return ENOSPC;
    case WRITES_FIND_NO_QUOTA: return EDQUOT;
    default: return 0;
    }
}

/* What a sync gives, 0 where it works. */
static int sync_error(void)
{
    switch (state->fault) {
    case SYNCS_FAIL: return EIO;
    case SYNCS_FIND_NO_SPACE: return ENOSPC;
    default: return 0;
    }
}

static useconds_t write_delay, sync_delay;
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("BAD_DISK_STATE");
    real_pwrite64 = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED)
        return;
    state = page;
    write_delay = (useconds_t)atoi(getenv("BAD_DISK_WRITE_US"));
    sync_delay = (useconds_t)atoi(getenv("BAD_DISK_SYNC_US"));
}

static int is_log(int file)
{
    return name_ends_in(file, "-wal");
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset)
{
    if (!state || !is_log(file))
        return real_pwrite64(file, bytes, count, offset);
    state->writes_begun++;
    if (write_delay)
        usleep(write_delay);
    ssize_t result = -1;
    errno = write_error();
    if (!errno)
        result = real_pwrite64(file, bytes, count, offset);
    int error = errno;
    if (result < 0 && error == ENOSPC)
        state->writes_refused++;
    state->writes_done++;
    errno = error;
    return result;
}

static int sync_with(int (*real)(int), int file)
{
    if (!state || !is_log(file))
        return real(file);
    state->syncs_begun++;
    if (sync_delay)
        usleep(sync_delay);
    int result = -1;
    errno = sync_error();
    if (!errno)
        result = real(file);
    int error = errno;
    state->syncs_done++;
    errno = error;
    return result;
}

int fsync(int file) { return sync_with(real_fsync, file); }

int fdatasync(int file) { return sync_with(real_fdatasync, file); }
