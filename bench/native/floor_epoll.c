/*
 * The least that a server can do: one thread waits for readiness, reads what is there, and sends a
 * fixed response without looking at the request. What it costs is the kernel's share of every server.
 *
 * Usage: floor_epoll PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define EVENTS 256
#define INPUT_BYTES 16384

static const char RESPONSE[] =
    "HTTP/1.1 200 OK\r\n"
    "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "content-type: text/plain\r\n"
    "content-length: 13\r\n"
    "\r\n"
    "Hello, World!";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (listen(fd, BACKLOG) < 0)
        die("listen");
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static void accept_all(int epoll, int listener)
{
    int on = 1, fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, fd);
    }
}

/* A client of the bench has one small request in flight, so one read is one request. */
static void answer(int fd)
{
    char input[INPUT_BYTES];
    ssize_t got = read(fd, input, sizeof input);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || write(fd, RESPONSE, sizeof RESPONSE - 1) < 0)
        close(fd);
}

int main(int count, char **arguments)
{
    struct epoll_event events[EVENTS];
    int listener, epoll;

    if (count != 2) {
        fprintf(stderr, "usage: floor_epoll PORT\n");
        return 2;
    }
    listener = listen_on(atoi(arguments[1]));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);

        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                answer(events[i].data.fd);
        }
    }
}
