/*
 * Loaded in front of libc, it notes each write and each sync with its time, in the words of strace -f -ttt -y. A write is noted
 * before it is made, a sync after it has ended.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int trace_fd(void) {
  static int fd = -2;
  if (fd == -2) {
    const char *file = getenv("SHIM_TRACE");
    fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
  }
  return fd;
}

static void note(const char *call, int fd, const char *rest) {
  char link[64], path[512], line[1024];
  int to = trace_fd();
  if (to < 0) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || path[0] != '/') return;
  path[length] = 0;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int bytes = snprintf(line, sizeof line, "%ld %ld.%06ld %s(%d<%s>%s\n", (long)syscall(SYS_gettid), (long)now.tv_sec,
                       now.tv_nsec / 1000, call, fd, path, rest);
  /* Past libc, or it would be noted itself. */
  syscall(SYS_write, to, line, bytes);
}

/* Marks are short lines; all else is only known to have been written. */
static void note_write(const char *call, int fd, const void *buffer, size_t size) {
  char rest[128] = ", ...";
  const char *text = buffer;
  if (size > 1 && size < 64 && text[size - 1] == '\n' && memchr(text, 0, size) == NULL)
    snprintf(rest, sizeof rest, ", \"%.*s\\n\"", (int)size - 1, text);
  note(call, fd, rest);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *buffer, size_t size) {
  note_write("write", fd, buffer, size);
  return NEXT(write)(fd, buffer, size);
}

ssize_t pwrite(int fd, const void *buffer, size_t size, off_t at) {
  note_write("pwrite", fd, buffer, size);
  return NEXT(pwrite)(fd, buffer, size, at);
}

ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t at) {
  note_write("pwrite64", fd, buffer, size);
  return NEXT(pwrite64)(fd, buffer, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  note_write("writev", fd, parts[0].iov_base, parts[0].iov_len);
  return NEXT(writev)(fd, parts, count);
}

int fsync(int fd) {
  int result = NEXT(fsync)(fd);
  note("fsync", fd, result == 0 ? ") = 0" : ") = -1");
  return result;
}

int fdatasync(int fd) {
  int result = NEXT(fdatasync)(fd);
  note("fdatasync", fd, result == 0 ? ") = 0" : ") = -1");
  return result;
}
