// SPDX-License-Identifier: MIT
// Memory: counted blocks, and mapped ones (memory.h).
#include "tests/oom/memory.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bindings/neap.h"

enum { JUNK = 0xA5 }; // what was never set, or is no more

typedef struct head {
    alignas(16) size_t size; // of what is behind it
    uint64_t mark;           // IN_USE
} head;

static const uint64_t IN_USE = UINT64_C(0x6f6f6d2d6f6f6d2d);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    bool armed;
    oom_mode mode;
    long n; // which request is refused
    oom_counts counts;
} memory;

// What the linker puts in the place of the C library's, and that itself.
void *__real_malloc(size_t size);
void __real_free(void *ptr);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd,
                  off_t offset);
int __real_munmap(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *ptr, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *ptr);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
                  off_t offset);
int __wrap_munmap(void *at, size_t size);
void *__real_neap_arena_alloc(void *ud, void *ptr, size_t osize, size_t nsize);
void *__wrap_neap_arena_alloc(void *ud, void *ptr, size_t osize, size_t nsize);
neap_runtime *__real_neap_open(const neap_config *config);
neap_runtime *__wrap_neap_open(const neap_config *config);

static _Thread_local bool opens; // a runtime is being born

void oom_arm(oom_mode mode, long n) {
    pthread_mutex_lock(&lock);
    memory.armed = true;
    memory.mode = mode;
    memory.n = n;
    memory.counts.requests = 0;
    memory.counts.struck = false;
    memory.counts.wrong = NULL;
    pthread_mutex_unlock(&lock);
}

void oom_disarm(void) {
    pthread_mutex_lock(&lock);
    memory.armed = false;
    pthread_mutex_unlock(&lock);
}

oom_counts oom_counted(void) {
    pthread_mutex_lock(&lock);
    oom_counts counts = memory.counts;
    pthread_mutex_unlock(&lock);
    return counts;
}

// Counts a request: whether it is refused.
static bool is_refused(void) {
    pthread_mutex_lock(&lock);
    bool refused = false;
    if (memory.armed) {
        long request = memory.counts.requests++;
        long last = memory.mode == OOM_ONCE ? memory.n + 1 : request;
        refused = memory.n <= request && request <= last;
    }
    if (refused) memory.counts.struck = true;
    pthread_mutex_unlock(&lock);
    return refused;
}

static void count_blocks(int more, const char *wrong) {
    pthread_mutex_lock(&lock);
    memory.counts.blocks += (size_t)more;
    if (wrong && !memory.counts.wrong) memory.counts.wrong = wrong;
    pthread_mutex_unlock(&lock);
}

// ---- blocks

static head *head_of(void *ptr) {
    head *block = (head *)ptr - 1;
    if (block->mark != IN_USE) abort(); // freed before, or nobody's
    return block;
}

static void *give(size_t size) {
    head *block = __real_malloc(sizeof *block + size);
    if (!block) abort(); // the machine itself has no more
    *block = (head){size, IN_USE};
    count_blocks(1, NULL);
    return memset(block + 1, JUNK, size);
}

static void take_back(void *ptr, const char *wrong) {
    head *block = head_of(ptr);
    count_blocks(-1, wrong);
    memset(block, JUNK, sizeof *block + block->size);
    __real_free(block);
}

// To a block of another size.
static void *move(void *ptr, size_t size, const char *wrong) {
    size_t old = head_of(ptr)->size;
    void *block = give(size);
    memcpy(block, ptr, old < size ? old : size);
    take_back(ptr, wrong);
    return block;
}

void *oom_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
    const char *wrong = NULL;
    (void)ud;
    if (!ptr) osize = 0; // it is then a type of Lua's
    else if (head_of(ptr)->size != osize) wrong = "a block of another size";
    if (nsize > osize && is_refused()) return NULL;
    if (nsize > 0) return ptr ? move(ptr, nsize, wrong) : give(nsize);
    if (ptr) take_back(ptr, wrong);
    return NULL;
}

// ---- the C library's

void *__wrap_malloc(size_t size) { return is_refused() ? NULL : give(size); }

void *__wrap_calloc(size_t count, size_t each) {
    void *ptr = __wrap_malloc(count * each); // ours are small
    return ptr ? memset(ptr, 0, count * each) : NULL;
}

void *__wrap_realloc(void *ptr, size_t size) {
    if (!ptr) return __wrap_malloc(size);
    if (size > head_of(ptr)->size && is_refused()) return NULL;
    return move(ptr, size, NULL);
}

char *__wrap_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

void __wrap_free(void *ptr) {
    if (ptr) take_back(ptr, NULL);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
                  off_t offset) {
    if (is_refused()) return MAP_FAILED;
    void *pages = __real_mmap(at, size, protection, flags, fd, offset);
    if (pages != MAP_FAILED) count_blocks(1, NULL);
    return pages;
}

int __wrap_munmap(void *at, size_t size) {
    count_blocks(-1, NULL);
    return __real_munmap(at, size);
}

// ---- arenas; chunks of them are asked for in the ways above

neap_runtime *__wrap_neap_open(const neap_config *config) {
    opens = true;
    neap_runtime *rt = __real_neap_open(config);
    opens = false;
    return rt;
}

void *__wrap_neap_arena_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
    bool grows = nsize > (ptr ? osize : 0);
    if (grows && !opens && is_refused()) return NULL;
    return __real_neap_arena_alloc(ud, ptr, osize, nsize);
}
