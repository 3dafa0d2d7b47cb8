/*
 * A load generator that counts what wrk does not: the responses of each connection, and latency that
 * is true when the server falls behind.
 *
 * Usage: load PORT PATH CONNECTIONS SECONDS RATE
 *
 * RATE 0 is a closed loop: each connection sends its next request when it has its answer. Another RATE
 * is an open loop: request k is due at start + k / RATE whatever the server does. It leaves on the
 * connection that rests longest, or waits for one to come free, and its latency counts from when it was
 * due. So a server that stalls is charged for every request that would have come meanwhile. Requests
 * that have no answer DRAIN_S after the end count with the time they have waited by then.
 *
 * One keep-alive request is in flight per connection. Answers must be 200 and carry a content-length.
 * The report is one line of JSON; latencies are in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES 8192
#define EVENTS 256
#define DRAIN_S 5
#define MAX_CONNECTIONS 10000
#define NS_PER_S 1000000000LL
#define NS_PER_US 1000

struct connection {
    int fd;
    bool busy;
    bool closing;         /* the answer being read says connection: close */
    int64_t due_ns;       /* when the request in flight was due */
    uint64_t responses;
    size_t head_bytes;    /* of the head so far; the head is complete once body_left is set */
    long body_left;       /* -1 while the head is incomplete */
    char head[HEAD_BYTES];
};

static struct connection *connections;
static int connection_count;
static int epoll_fd;
static int port;
static char request[1024];
static size_t request_bytes;

static int *resting;      /* ring of connections without a request, longest at rest first */
static int resting_first, resting_count;

static int64_t rate, start_ns, end_ns;
static uint64_t sent, errors, reconnects;
static uint32_t *latencies_us;
static size_t latency_count, latency_room;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- connections ---- */

static void rest(struct connection *c)
{
    c->busy = false;
    resting[(resting_first + resting_count++) % connection_count] = c - connections;
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
        die("epoll_ctl");
}

static void reopen(struct connection *c)
{
    bool was_busy = c->busy;

    close(c->fd);
    reconnects++;
    open_connection(c);
    if (was_busy)
        rest(c);
}

static void fail(struct connection *c)
{
    errors++;
    reopen(c);
}

/* ---- requests ---- */

static int64_t due_ns_of(uint64_t index)
{
    return start_ns + (int64_t)(index * (double)NS_PER_S / rate);
}

static void send_request(struct connection *c, int64_t due_ns)
{
    c->busy = true;
    c->closing = false;
    c->due_ns = due_ns;
    c->head_bytes = 0;
    c->body_left = -1;
    sent++;
    if (send(c->fd, request, request_bytes, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)request_bytes)
        fail(c);
}

/* Only as many as rest now: a connection that fails in here comes to rest again for the next turn. */
static void send_what_is_due(int64_t now)
{
    for (int turns = resting_count; turns > 0 && now < end_ns + DRAIN_S * NS_PER_S; turns--) {
        int64_t due_ns = rate ? due_ns_of(sent) : now;

        if (due_ns > now || due_ns >= end_ns)
            return;
        struct connection *c = &connections[resting[resting_first]];
        resting_first = (resting_first + 1) % connection_count;
        resting_count--;
        send_request(c, due_ns);
    }
}

/* ---- responses ---- */

static void record(int64_t latency_ns)
{
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 1 << 16;
        latencies_us = realloc(latencies_us, latency_room * sizeof *latencies_us);
        if (!latencies_us)
            die("realloc");
    }
    latencies_us[latency_count++] = latency_ns / NS_PER_US;
}

static const char *field(const char *head, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (!strncasecmp(line + 2, name, length) && line[2 + length] == ':')
            return line + 3 + length + strspn(line + 3 + length, " \t");
    }
    return NULL;
}

/* Sets what is left of the body to come, once the head is complete. False when the answer is no good. */
static bool read_head(struct connection *c)
{
    const char *end, *length, *choice;

    c->head[c->head_bytes] = '\0';
    end = strstr(c->head, "\r\n\r\n");
    if (!end)
        return c->head_bytes < HEAD_BYTES - 1;
    length = field(c->head, "content-length");
    choice = field(c->head, "connection");
    if (strncmp(c->head, "HTTP/1.1 200", 12) || !length)
        return false;
    c->closing = choice && !strncasecmp(choice, "close", 5);
    c->body_left = atol(length) - (long)(c->head_bytes - (end + 4 - c->head));
    return c->body_left >= 0;
}

static void complete(struct connection *c, int64_t now)
{
    if (rate || now <= end_ns) {
        record(now - c->due_ns);
        c->responses++;
    }
    if (c->closing)
        reopen(c);
    else
        rest(c);
}

static void receive(struct connection *c)
{
    char body[65536];
    bool in_head = c->busy && c->body_left < 0;
    char *target = in_head ? c->head + c->head_bytes : body;
    size_t room = in_head ? HEAD_BYTES - 1 - c->head_bytes : sizeof body;
    ssize_t got = recv(c->fd, target, room, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (!c->busy) {
        /* An idle connection may be closed by the server; bytes that nobody asked for are an error. */
        if (got > 0)
            errors++;
        reopen(c);
        return;
    }
    if (got <= 0) {
        fail(c);
        return;
    }
    if (in_head) {
        c->head_bytes += got;
        if (!read_head(c)) {
            fail(c);
            return;
        }
    } else {
        c->body_left -= got;
    }
    if (c->body_left == 0)
        complete(c, now_ns());
    else if (!in_head && c->body_left < 0)
        fail(c);
}

/* ---- the run ---- */

static bool in_flight(void)
{
    return resting_count < connection_count;
}

static bool finished(int64_t now)
{
    if (!rate)
        return now >= end_ns;
    if (now >= end_ns + DRAIN_S * NS_PER_S)
        return true;
    return due_ns_of(sent) >= end_ns && !in_flight();
}

/* Until the next request is due and a connection rests to take it, else until the end. */
static void wait_for_events(int64_t now)
{
    struct epoll_event events[EVENTS];
    int64_t wake_ns = rate ? end_ns + DRAIN_S * NS_PER_S : end_ns;
    struct timespec pause = {0, 0};
    int ready;

    if (rate && resting_count > 0 && due_ns_of(sent) < end_ns)
        wake_ns = due_ns_of(sent);
    if (wake_ns > now) {
        pause.tv_sec = (wake_ns - now) / NS_PER_S;
        pause.tv_nsec = (wake_ns - now) % NS_PER_S;
    }
    ready = epoll_pwait2(epoll_fd, events, EVENTS, &pause, NULL);
    if (ready < 0 && errno != EINTR)
        die("epoll_pwait2");
    for (int i = 0; i < ready; i++)
        receive(events[i].data.ptr);
}

static int64_t run(int seconds)
{
    int64_t now;

    start_ns = now_ns();
    end_ns = start_ns + seconds * NS_PER_S;
    while (now = now_ns(), !finished(now)) {
        send_what_is_due(now);
        wait_for_events(now);
    }
    return now;
}

/* In the open loop every request that was due belongs to the result, answered or not. */
static uint64_t charge_unanswered(int64_t now)
{
    uint64_t before = latency_count;

    if (!rate)
        return 0;
    for (int i = 0; i < connection_count; i++)
        if (connections[i].busy)
            record(now - connections[i].due_ns);
    for (uint64_t index = sent; due_ns_of(index) < end_ns; index++)
        record(now - due_ns_of(index));
    return latency_count - before;
}

/* ---- the report ---- */

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

/* The smallest latency that at least this share of the requests do not exceed. */
static uint32_t percentile_us(int per_mille)
{
    size_t rank = (latency_count * per_mille + 999) / 1000;

    return latency_count ? latencies_us[rank ? rank - 1 : 0] : 0;
}

static void report(int seconds, uint64_t unanswered)
{
    uint64_t responses = 0;

    qsort(latencies_us, latency_count, sizeof *latencies_us, compare);
    for (int i = 0; i < connection_count; i++)
        responses += connections[i].responses;
    printf("{\"requests\":%lu,\"seconds\":%d,\"errors\":%lu,\"unanswered\":%lu,\"reconnects\":%lu,",
           responses, seconds, errors, unanswered, reconnects);
    printf("\"p50_us\":%u,\"p90_us\":%u,\"p99_us\":%u,\"p999_us\":%u,\"max_us\":%u,", percentile_us(500),
           percentile_us(900), percentile_us(990), percentile_us(999), percentile_us(1000));
    printf("\"per_connection\":[");
    for (int i = 0; i < connection_count; i++)
        printf("%s%lu", i ? "," : "", connections[i].responses);
    printf("]}\n");
}

int main(int count, char **arguments)
{
    int seconds;

    if (count != 6) {
        fprintf(stderr, "usage: load PORT PATH CONNECTIONS SECONDS RATE\n");
        return 2;
    }
    port = atoi(arguments[1]);
    request_bytes = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", arguments[2], port);
    connection_count = atoi(arguments[3]);
    seconds = atoi(arguments[4]);
    rate = atol(arguments[5]);
    if (request_bytes >= sizeof request || connection_count < 1 || connection_count > MAX_CONNECTIONS ||
        seconds < 1 || rate < 0) {
        fprintf(stderr, "load: an argument is out of range\n");
        return 2;
    }

    /* The kernel may join timers within this slack, which would make every request late. */
    prctl(PR_SET_TIMERSLACK, 1);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(connection_count, sizeof *connections);
    resting = calloc(connection_count, sizeof *resting);
    if (epoll_fd < 0 || !connections || !resting)
        die("load");
    for (int i = 0; i < connection_count; i++) {
        open_connection(&connections[i]);
        rest(&connections[i]);
    }
    report(seconds, charge_unanswered(run(seconds)));
    return 0;
}
