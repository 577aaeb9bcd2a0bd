/* A disk on which some writes fail: loaded before the C library, told by a file that the harness shares with it.
 *
 *   control[0]  1 while armed            control[3]  how many calls fail from there on
 *   control[1]  calls counted so far     control[4]  the errno they fail with; EAGAIN fails locks instead of writes
 *   control[2]  the first call to fail   control[5]  calls that failed
 *
 * Only files of a SQLite database count, by their names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static volatile int64_t *control;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("TIELINE_FAILING_DISK");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd < 0) return;
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared != MAP_FAILED) control = shared;
}

static int of_database(int fd) {
    char link[64], name[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    return strstr(name, ".db") != NULL;
}

static int fails(int fd, int lock) {
    if (!control || !control[0] || (control[4] == EAGAIN) != lock || !of_database(fd)) return 0;
    int64_t number = ++control[1];
    if (number < control[2] || number >= control[2] + control[3]) return 0;
    control[5]++;
    errno = (int)control[4];
    return 1;
}

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); real; })

ssize_t write(int fd, const void *from, size_t size) { return fails(fd, 0) ? -1 : REAL(write)(fd, from, size); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    return fails(fd, 0) ? -1 : REAL(pwrite)(fd, from, size, at);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    return fails(fd, 0) ? -1 : REAL(pwrite64)(fd, from, size, at);
}
int fsync(int fd) { return fails(fd, 0) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(fd, 0) ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { return fails(fd, 0) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return fails(fd, 0) ? -1 : REAL(ftruncate64)(fd, size); }

int fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (command == F_SETLK && ((struct flock *)argument)->l_type != F_UNLCK && fails(fd, 1)) return -1;
    return REAL(fcntl)(fd, command, argument);
}
int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (command == F_SETLK && ((struct flock *)argument)->l_type != F_UNLCK && fails(fd, 1)) return -1;
    return REAL(fcntl64)(fd, command, argument);
}
