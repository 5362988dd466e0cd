// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sockets.c - sockets on command: one line in ("VERB NAME [ADDRESS PORT]"), one line out. Clients
 * and servers are sockets of this one process, so that a test decides the order of everything.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct named {
	char name[16];
	int fd;
	int family;
	int type;
};

static struct named sockets[64];

static struct named *find(const char *name)
{
	for (size_t i = 0; i < sizeof(sockets) / sizeof(*sockets); i++)
		if (!strcmp(sockets[i].name, name))
			return &sockets[i];
	fprintf(stderr, "no socket is called \"%s\"\n", name);
	exit(2);
}

/* The address in the family of the socket: IPv4 text becomes v4-mapped on an IPv6 socket. */
static socklen_t parse(const struct named *socket, const char *text, int port,
		       struct sockaddr_storage *out)
{
	struct sockaddr_in *ipv4 = (void *)out;
	struct sockaddr_in6 *ipv6 = (void *)out;
	char mapped[96];

	memset(out, 0, sizeof(*out));
	out->ss_family = socket->family;
	if (socket->family == AF_INET) {
		ipv4->sin_port = htons(port);
		if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1)
			return sizeof(*ipv4);
	} else {
		ipv6->sin6_port = htons(port);
		snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
		if (inet_pton(AF_INET6, mapped, &ipv6->sin6_addr) == 1)
			return sizeof(*ipv6);
	}
	fprintf(stderr, "\"%s\" is no address for this socket\n", text);
	exit(2);
}

static void say(int result)
{
	puts(result < 0 ? strerrorname_np(errno) : "ok");
}

static void say_address(int result, const struct sockaddr_storage *address)
{
	const struct sockaddr_in *ipv4 = (const void *)address;
	const struct sockaddr_in6 *ipv6 = (const void *)address;
	char text[INET6_ADDRSTRLEN];

	if (result < 0) {
		say(result);
	} else if (address->ss_family == AF_INET) {
		inet_ntop(AF_INET, &ipv4->sin_addr, text, sizeof(text));
		printf("%s %d\n", text, ntohs(ipv4->sin_port));
	} else {
		inet_ntop(AF_INET6, &ipv6->sin6_addr, text, sizeof(text));
		printf("%s %d\n", text, ntohs(ipv6->sin6_port));
	}
}

/* open NAME tcp4|tcp6|udp4|udp6 */
static void open_socket(const char *name, const char *kind)
{
	const struct timeval patience = {.tv_sec = 5};
	struct named *socket_ = find("");

	socket_->family = kind[3] == '4' ? AF_INET : AF_INET6;
	socket_->type = kind[0] == 't' ? SOCK_STREAM : SOCK_DGRAM;
	socket_->fd = socket(socket_->family, socket_->type | SOCK_CLOEXEC, 0);
	if (socket_->fd >= 0) {
		snprintf(socket_->name, sizeof(socket_->name), "%s", name);
		setsockopt(socket_->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	}
	say(socket_->fd);
}

/* many NAME ADDRESS PORT COUNT: so many more connected UDP sockets, which live as long as we do. */
static int connect_many(const struct sockaddr *address, socklen_t size, int count)
{
	while (count-- > 0) {
		int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, address, size) < 0)
			return -1;
	}
	return 0;
}

/* recv: the sender of the next datagram. */
static void receive(const struct named *socket)
{
	struct sockaddr_storage from = {};
	socklen_t size = sizeof(from);
	char data[64];

	say_address(recvfrom(socket->fd, data, sizeof(data), 0, (void *)&from, &size), &from);
}

/* answer: sends the next datagram back to where it came from. */
static void answer(const struct named *socket)
{
	struct sockaddr_storage from = {};
	socklen_t size = sizeof(from);
	char data[64];
	ssize_t length = recvfrom(socket->fd, data, sizeof(data), 0, (void *)&from, &size);

	say(length < 0 ? -1 : sendto(socket->fd, data, length, 0, (void *)&from, size));
}

static void run(const char *verb, const char *name, const char *third, int port, int count)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct sockaddr_storage address = {};
	struct named *socket = strcmp(verb, "open") ? find(name) : NULL;
	socklen_t size = sizeof(address);
	int is_addressed = socket && port >= 0;

	if (is_addressed)
		size = parse(socket, third, port, &address);
	if (!strcmp(verb, "open")) {
		open_socket(name, third);
	} else if (!strcmp(verb, "bind")) {
		int result = bind(socket->fd, (void *)&address, size);

		say(result || socket->type == SOCK_DGRAM ? result : listen(socket->fd, 64));
	} else if (!strcmp(verb, "connect")) {
		say(connect(socket->fd, (void *)&address, size));
	} else if (!strcmp(verb, "many")) {
		say(connect_many((void *)&address, size, count));
	} else if (!strcmp(verb, "disconnect")) {
		say(connect(socket->fd, &nobody, sizeof(nobody)));
	} else if (!strcmp(verb, "fastopen")) {
		say(sendto(socket->fd, "x", 1, MSG_FASTOPEN, (void *)&address, size));
	} else if (!strcmp(verb, "sendto")) {
		say(sendto(socket->fd, "x", 1, 0, (void *)&address, size));
	} else if (!strcmp(verb, "send")) {
		say(send(socket->fd, "x", 1, MSG_NOSIGNAL));
	} else if (!strcmp(verb, "recv")) {
		receive(socket);
	} else if (!strcmp(verb, "answer")) {
		answer(socket);
	} else if (!strcmp(verb, "peer")) {
		say_address(getpeername(socket->fd, (void *)&address, &size), &address);
	} else if (!strcmp(verb, "close")) {
		say(close(socket->fd));
		socket->name[0] = '\0';
	} else {
		fprintf(stderr, "no such verb: \"%s\"\n", verb);
		exit(2);
	}
}

int main(void)
{
	char line[128], verb[16], name[16], third[64];
	struct rlimit files;

	/* For `many`. */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		int port = -1, count = 0;

		name[0] = third[0] = '\0';
		if (sscanf(line, "%15s %15s %63s %d %d", verb, name, third, &port, &count) < 2)
			return 2;
		run(verb, name, third, port, count);
	}
	return 0;
}
