/* Bare epoll echo: what the kernel alone costs. usage: echo 127.0.0.1:0 | echo unix:/path; prints its address. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024, EVENTS = 256, BACKLOG = 1024 };

/* Bytes that a socket would not take at once, sent when it is writable again. */
struct connection {
    int fd;
    char *queued;
    size_t length, sent;
};

static int epoll;
static char buffer[BUFFER];

static void die(const char *call) {
    perror(call);
    exit(1);
}

static void watch(int operation, struct connection *connection, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll, operation, connection->fd, &event) < 0) die("epoll_ctl");
}

static struct connection *new_connection(int fd) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) die("calloc");
    connection->fd = fd;
    watch(EPOLL_CTL_ADD, connection, EPOLLIN);
    return connection;
}

static void close_connection(struct connection *connection) {
    close(connection->fd);
    free(connection->queued);
    free(connection);
}

/* Sends what is queued; reads no more until all of it has gone. */
static void drain(struct connection *connection) {
    ssize_t count = send(connection->fd, connection->queued + connection->sent,
                         connection->length - connection->sent, MSG_NOSIGNAL);
    if (count < 0) {
        if (errno != EAGAIN) close_connection(connection);
        return;
    }
    connection->sent += count;
    if (connection->sent == connection->length) {
        free(connection->queued);
        connection->queued = NULL;
        watch(EPOLL_CTL_MOD, connection, EPOLLIN);
    }
}

static void echo(struct connection *connection) {
    ssize_t count = recv(connection->fd, buffer, sizeof buffer, 0);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN) close_connection(connection);
        return;
    }
    ssize_t sent = send(connection->fd, buffer, count, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) {
            close_connection(connection);
            return;
        }
        sent = 0;
    }
    if (sent < count) {
        connection->length = count - sent;
        connection->sent = 0;
        connection->queued = malloc(connection->length);
        if (!connection->queued) die("malloc");
        memcpy(connection->queued, buffer + sent, connection->length);
        watch(EPOLL_CTL_MOD, connection, EPOLLOUT);
    }
}

static int listen_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(fd, BACKLOG) < 0) die("listen");
    printf("unix:%s\n", path);
    return fd;
}

static int listen_inet(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(fd, BACKLOG) < 0) die("listen");
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("127.0.0.1:%d\n", ntohs(address.sin_port));
    return fd;
}

int main(int argc, char **argv) {
    epoll = epoll_create1(0);
    int unix_socket = argc > 1 && !strncmp(argv[1], "unix:", 5);
    int listener = unix_socket ? listen_unix(argv[1] + 5) : listen_inet();
    struct connection *accepting = new_connection(listener);
    fflush(stdout);
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == accepting) {
                int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (fd < 0) continue;
                if (!unix_socket) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                new_connection(fd);
            } else if (connection->queued) {
                drain(connection);
            } else {
                echo(connection);
            }
        }
    }
}
