/* Which file a descriptor stands for, for the libraries that are preloaded into the server. */

#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Whether the name of an open file ends in `end`. Allocates nothing and takes no lock: it is called within system calls. */
static int name_ends_in(int file, const char *end)
{
    char link[64] = "/proc/self/fd/", name[4096], digits[16];
    int count = 0;
    if (file < 0)
        return 0;
    do {
        digits[count++] = (char)('0' + file % 10);
        file /= 10;
    } while (file > 0);
    size_t at = strlen(link);
    while (count > 0)
        link[at++] = digits[--count];
    link[at] = 0;
    ssize_t length = readlink(link, name, sizeof name);
    ssize_t wanted = (ssize_t)strlen(end);
    return length > wanted && memcmp(name + length - wanted, end, (size_t)wanted) == 0;
}
