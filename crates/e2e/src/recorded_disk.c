/* Records what the server writes to its database and to the log, in order, preloaded into it: each write with its bytes,
 * each change of a file's length, and each sync that was waited for. The test makes of it what a power cut may leave. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "open_file.h"

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate64)(int, off64_t);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("RECORDED_DISK");
    real_pwrite64 = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate64 = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
    if (path)
        record = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* 1 for the database, 2 for its log, 0 for all else. */
static int which(int file)
{
    if (record < 0)
        return 0;
    if (name_ends_in(file, "switchboard.db"))
        return 1;
    return name_ends_in(file, "switchboard.db-wal") ? 2 : 0;
}

/* A head of four numbers, and the bytes. A record that is not whole would be no record: the process ends. */
static void note(uint64_t what, int file, uint64_t offset, uint64_t count, const void *bytes)
{
    uint64_t head[4] = {what, (uint64_t)file, offset, count};
    struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, bytes ? count : 0}};
    ssize_t whole = (ssize_t)(sizeof head + (bytes ? count : 0));
    if (writev(record, parts, 2) != whole)
        abort();
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset)
{
    int known = which(file);
    if (!known)
        return real_pwrite64(file, bytes, count, offset);
    pthread_mutex_lock(&order);
    ssize_t result = real_pwrite64(file, bytes, count, offset);
    if (result > 0)
        note('w', known, (uint64_t)offset, (uint64_t)result, bytes);
    pthread_mutex_unlock(&order);
    return result;
}

int ftruncate64(int file, off64_t length)
{
    int known = which(file);
    if (!known)
        return real_ftruncate64(file, length);
    pthread_mutex_lock(&order);
    int result = real_ftruncate64(file, length);
    if (result == 0)
        note('t', known, (uint64_t)length, 0, NULL);
    pthread_mutex_unlock(&order);
    return result;
}

static int sync_with(int (*real)(int), int file)
{
    int known = which(file);
    if (!known)
        return real(file);
    /* What is written while it is under way is not known to be kept by it: it counts from its beginning. */
    pthread_mutex_lock(&order);
    int result = real(file);
    if (result == 0)
        note('s', known, 0, 0, NULL);
    pthread_mutex_unlock(&order);
    return result;
}

int fsync(int file) { return sync_with(real_fsync, file); }

int fdatasync(int file) { return sync_with(real_fdatasync, file); }
