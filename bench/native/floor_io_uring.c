/*
 * The least that a server can do with io_uring: one thread, one system call a turn, accepting and
 * receiving by operations that are begun once, buffers that the kernel picks, and a fixed response that
 * is sent without looking at the request.
 *
 * Usage: floor_io_uring PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BACKLOG 1024
#define ENTRIES 1024
#define COMPLETIONS 8192
#define BUFFERS 256
#define BUFFER_BYTES 16384
#define GROUP 0

enum operation { ACCEPT, RECEIVE, SEND };

static const char RESPONSE[] =
    "HTTP/1.1 200 OK\r\n"
    "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "content-type: text/plain\r\n"
    "content-length: 13\r\n"
    "\r\n"
    "Hello, World!";

static int ring;
static struct io_uring_sqe *submissions;
static struct io_uring_cqe *completions;
static unsigned *submission_head, *submission_tail, submission_mask;
static unsigned *completion_head, *completion_tail, completion_mask;
static unsigned pending;
static struct io_uring_buf_ring *pool;
static char *buffers;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *map(size_t bytes, off_t offset)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);

    if (memory == MAP_FAILED)
        die("mmap");
    return memory;
}

static void set_up(void)
{
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        .cq_entries = COMPLETIONS};
    struct io_uring_buf_reg registration = {.ring_entries = BUFFERS, .bgid = GROUP};
    char *rings;
    unsigned *array;
    size_t bytes;

    ring = syscall(SYS_io_uring_setup, ENTRIES, &parameters);
    if (ring < 0)
        die("io_uring_setup");
    /* One mapping has both rings; the array of submissions is its last part. */
    bytes = parameters.sq_off.array + parameters.sq_entries * sizeof *array;
    if (bytes < parameters.cq_off.cqes + parameters.cq_entries * sizeof *completions)
        bytes = parameters.cq_off.cqes + parameters.cq_entries * sizeof *completions;
    rings = map(bytes, IORING_OFF_SQ_RING);
    submissions = map(parameters.sq_entries * sizeof *submissions, IORING_OFF_SQES);
    submission_head = (unsigned *)(rings + parameters.sq_off.head);
    submission_tail = (unsigned *)(rings + parameters.sq_off.tail);
    submission_mask = parameters.sq_entries - 1;
    completion_head = (unsigned *)(rings + parameters.cq_off.head);
    completion_tail = (unsigned *)(rings + parameters.cq_off.tail);
    completion_mask = parameters.cq_entries - 1;
    completions = (struct io_uring_cqe *)(rings + parameters.cq_off.cqes);
    array = (unsigned *)(rings + parameters.sq_off.array);
    for (unsigned i = 0; i < parameters.sq_entries; i++)
        array[i] = i;

    pool = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffers = malloc((size_t)BUFFERS * BUFFER_BYTES);
    if (pool == MAP_FAILED || !buffers)
        die("buffers");
    registration.ring_addr = (uintptr_t)pool;
    if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &registration, 1) < 0)
        die("io_uring_register");
}

static void give_buffer(unsigned id)
{
    unsigned short tail = pool->tail;
    struct io_uring_buf *buffer = &pool->bufs[tail & (BUFFERS - 1)];

    buffer->addr = (uintptr_t)(buffers + (size_t)id * BUFFER_BYTES);
    buffer->len = BUFFER_BYTES;
    buffer->bid = id;
    __atomic_store_n(&pool->tail, tail + 1, __ATOMIC_RELEASE);
}

static void enter(unsigned wanted)
{
    long taken = syscall(SYS_io_uring_enter, ring, pending, wanted, IORING_ENTER_GETEVENTS, NULL, 0);

    if (taken < 0 && errno != EINTR)
        die("io_uring_enter");
    if (taken > 0)
        pending -= taken;
}

/* Who is meant and what is done with it come back with the completion. */
static struct io_uring_sqe *prepare(int opcode, enum operation operation, int fd)
{
    struct io_uring_sqe *entry;
    unsigned tail = *submission_tail;

    if (tail - __atomic_load_n(submission_head, __ATOMIC_ACQUIRE) > submission_mask)
        enter(0);
    entry = &submissions[tail & submission_mask];
    memset(entry, 0, sizeof *entry);
    entry->opcode = opcode;
    entry->fd = fd;
    entry->user_data = (uint64_t)operation << 32 | (unsigned)fd;
    __atomic_store_n(submission_tail, tail + 1, __ATOMIC_RELEASE);
    pending++;
    return entry;
}

static void begin_accept(int listener)
{
    struct io_uring_sqe *entry = prepare(IORING_OP_ACCEPT, ACCEPT, listener);

    entry->ioprio = IORING_ACCEPT_MULTISHOT;
    entry->accept_flags = SOCK_CLOEXEC;
}

static void begin_receive(int fd)
{
    struct io_uring_sqe *entry = prepare(IORING_OP_RECV, RECEIVE, fd);

    entry->ioprio = IORING_RECV_MULTISHOT;
    entry->flags = IOSQE_BUFFER_SELECT;
    entry->buf_group = GROUP;
}

static void begin_send(int fd)
{
    struct io_uring_sqe *entry = prepare(IORING_OP_SEND, SEND, fd);

    entry->addr = (uintptr_t)RESPONSE;
    entry->len = sizeof RESPONSE - 1;
    entry->msg_flags = MSG_NOSIGNAL;
}

static void greet(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    begin_receive(fd);
}

/* A client of the bench has one small request in flight, so what is received at once is one request. */
static void handle_received(int fd, const struct io_uring_cqe *completion)
{
    if (completion->flags & IORING_CQE_F_BUFFER)
        give_buffer(completion->flags >> IORING_CQE_BUFFER_SHIFT);
    if (completion->res > 0)
        begin_send(fd);
    if (completion->flags & IORING_CQE_F_MORE)
        return;
    if (completion->res > 0 || completion->res == -ENOBUFS)
        begin_receive(fd);
    else
        close(fd);
}

static void handle(const struct io_uring_cqe *completion)
{
    int fd = (int)(uint32_t)completion->user_data;

    switch (completion->user_data >> 32) {
    case ACCEPT:
        if (completion->res >= 0)
            greet(completion->res);
        if (!(completion->flags & IORING_CQE_F_MORE))
            begin_accept(fd);
        break;
    case RECEIVE:
        handle_received(fd, completion);
        break;
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (listen(fd, BACKLOG) < 0)
        die("listen");
    return fd;
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: floor_io_uring PORT\n");
        return 2;
    }
    set_up();
    for (unsigned id = 0; id < BUFFERS; id++)
        give_buffer(id);
    begin_accept(listen_on(atoi(arguments[1])));
    for (;;) {
        unsigned head, tail;

        enter(1);
        head = *completion_head;
        tail = __atomic_load_n(completion_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++)
            handle(&completions[head & completion_mask]);
        __atomic_store_n(completion_head, head, __ATOMIC_RELEASE);
    }
}
