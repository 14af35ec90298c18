"""Compiles what a server runs all the time when it begins to listen, not with its first thousands of requests.

Those took three to eight times as long: interpreted, and on the core on which the compiler worked. Now it works mostly
while a server waits for its first client. Only where the JVM has a start-up cache: by its training HotSpot knows which
branches the methods take. What is not named here is compiled as ever, when it has been called often enough.
"""

import ctypes
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import _hotspot, _jvm


@dataclass(frozen=True, eq=False)
class Work:
    """What some work of the loop's goes through in Java."""

    compiled: tuple[str, ...]  # methods that are compiled by themselves, in this order
    inlined: tuple[str, ...]  # methods that become parts of those
    classes: tuple[str, ...]  # of these and of all else that they call


# Every iteration, callbacks, timers and tasks.
_LOOP = Work(
    compiled=(
        "java.lang.invoke.DirectMethodHandle$Holder::invokeStatic(Ljava/lang/Object;JJJJ)J",  # Python's calls
        "jloop.engine.linux.Memory::getInt",
        "jloop.engine.linux.Memory::getLong",
        "jloop.engine.linux.Memory::putInt",
        "jloop.engine.linux.Memory::putLong",
        "jloop.engine.linux.Native::call",
        "jloop.cpython.Refs::incref",
        "jloop.cpython.Refs::decref",
        "jloop.cpython.Refs::xdecref",
        "jloop.cpython.Refs::type",
        "jloop.cpython.Refs::set",
        "jloop.cpython.Refs::share",
        "jloop.cpython.Refs::slot",
        "jloop.cpython.PyErrAlreadySet::check",
        "jloop.cpython.Upcalls::argument",
        "jloop.cpython.Upcalls::none",
        "jloop.cpython.CPython::PyBytes_FromStringAndSize",
        "jloop.cpython.CPython::PyObject_VectorcallMethod",
        "jloop.cpython.Contexts::enter",
        "jloop.cpython.Contexts::exit",
        "jloop.cpython.Calls::method",
        "jloop.cpython.Calls::take",
        "jloop.cpython.Calls::give",
        "jloop.cpython.AddressMap::get",
        "jloop.cpython.AddressMap::put",
        "jloop.cpython.AddressMap::place",
        "jloop.cpython.Layout::isInstance",
        "jloop.cpython.LoopMethods::open(J)Ljloop/cpython/PyLoop;",
        "jloop.engine.ReadyQueue::add",
        "jloop.engine.EventLoop::left",
        "jloop.engine.EventLoop::eventEntry",
        "jloop.engine.Channel::ready",
        "jloop.engine.Fork::isChild",
        "jloop.cpython.PyLoop::ordinal",
        "jloop.cpython.PyLoop::isCancelled",
        "jloop.cpython.PyLoop::drop",
        "jloop.cpython.PyLoop::release",
        "jloop.cpython.HandlePool::make",
        "jloop.cpython.HandlePool::recycle",
        "jloop.cpython.PyLoop::run",
        "jloop.cpython.PyLoop::callSoon",
        "jloop.cpython.LoopMethods::callSoon",
        "jloop.engine.EpollPoller::dispatch",
        "jloop.engine.EpollPoller::await",
        "jloop.engine.BusyPoll::poll",
        "jloop.engine.EventLoop::sendWritten",
        "jloop.engine.EventLoop::runOnce",
        "jloop.cpython.Face::enter",
        "jloop.cpython.Face::exit",
        "jloop.cpython.Face::inContext",
        "jloop.engine.TimerRun::add",
        "jloop.engine.TimerRun::removeIf",
        "jloop.engine.TimerQueue::add",
        "jloop.engine.TimerQueue::sweep",
        "jloop.engine.TimerQueue::moveDue",
        "jloop.engine.TimerQueue::dropCancelled",
        "jloop.engine.EventLoop::await",
        "jloop.engine.EventLoop::poll",
        "jloop.cpython.PyLoop::makeTimer",
        "jloop.cpython.PyLoop::schedule",
        "jloop.cpython.LoopMethods::callLater",
        "jloop.cpython.HandleMethods::cancel",
        "jloop.cpython.TaskMethods::withLoop",
        "jloop.cpython.TaskMethods::tuple",
        "jloop.cpython.TaskMethods::createFuture",
        "jloop.cpython.TaskMethods::createTask",
    ),
    inlined=(
        "jloop.engine.BusyPoll::await",
        "jloop.engine.BusyPoll::isPromising",
        "jloop.engine.Channel::isGone",
        "jloop.engine.Channel::isReading",
        "jloop.engine.Channel::run",
        "jloop.engine.EpollPoller::find",
        "jloop.engine.EventLoop::runEvent",
        "jloop.engine.EventLoop::written",
        "jloop.engine.ReadyQueue::take",
        "jloop.engine.TimerGeneration::add",
        "jloop.engine.TimerGeneration::isEmpty",
        "jloop.engine.TimerGeneration::isFirstInRun",
        "jloop.engine.TimerHeap::before",
        "jloop.engine.TimerHeap::isEmpty",
        "jloop.engine.TimerQueue::first",
        "jloop.engine.TimerQueue::isEmpty",
        "jloop.engine.TimerRun::takes",
        "jloop.engine.linux.CallState::call",
        "jloop.engine.linux.CallState::callInt",
        "jloop.engine.linux.CallState::check",
        "jloop.engine.linux.Native::systemCall",
        "jloop.cpython.Arguments::atLeast",
        "jloop.cpython.Arguments::atMost",
        "jloop.cpython.Arguments::context",
        "jloop.cpython.Arguments::named",
        "jloop.cpython.HandleMethods::cancelOurs",
        "jloop.cpython.HandlePool::clearItems",
        "jloop.cpython.HandlePool::drop",
        "jloop.cpython.HandlePool::equalsCurrent",
        "jloop.cpython.HandlePool::fillArguments",
        "jloop.cpython.HandlePool::fillContext",
        "jloop.cpython.HandlePool::giveUpEmptied",
        "jloop.cpython.HandlePool::take",
        "jloop.cpython.HandlePool::trim",
        "jloop.cpython.LoopMethods::delaySeconds",
        "jloop.cpython.PyLoop::addTimer",
        "jloop.cpython.PyLoop::afterWait",
        "jloop.cpython.PyLoop::beforeWait",
        "jloop.cpython.PyLoop::isPlain",
        "jloop.cpython.PyLoop::loopKeyword",
        "jloop.cpython.PyLoop::nanos",
        "jloop.cpython.TaskMethods::callWith",
        "jloop.cpython.TaskMethods::isCommon",
        "jloop.cpython.Types::poolOf",
    ),
    classes=(
        "jloop.engine.BusyPoll",
        "jloop.engine.Channel",
        "jloop.engine.DescriptorWatch",
        "jloop.engine.EngineException",
        "jloop.engine.EpollPoller",
        "jloop.engine.EventArray",
        "jloop.engine.EventLoop",
        "jloop.engine.Fork",
        "jloop.engine.IoMemory",
        "jloop.engine.Pollable",
        "jloop.engine.ReadyQueue",
        "jloop.engine.SocketCalls",
        "jloop.engine.SocketName",
        "jloop.engine.TimerGeneration",
        "jloop.engine.TimerHeap",
        "jloop.engine.TimerQueue",
        "jloop.engine.TimerQueue$Gone",
        "jloop.engine.TimerRun",
        "jloop.engine.Wakeup",
        "jloop.engine.linux.Addresses",
        "jloop.engine.linux.CallState",
        "jloop.engine.linux.Epoll",
        "jloop.engine.linux.Memory",
        "jloop.engine.linux.Native",
        "jloop.engine.linux.Sockets",
        "jloop.engine.linux.UnsafeMemory",
        "jloop.cpython.AddressMap",
        "jloop.cpython.Arguments",
        "jloop.cpython.CPython",
        "jloop.cpython.Calls",
        "jloop.cpython.Contexts",
        "jloop.cpython.Face",
        "jloop.cpython.FdWatcher",
        "jloop.cpython.HandleDestructors",
        "jloop.cpython.HandleMethods",
        "jloop.cpython.HandlePool",
        "jloop.cpython.Layout",
        "jloop.cpython.LoopMethods",
        "jloop.cpython.Methods",
        "jloop.cpython.PyErrAlreadySet",
        "jloop.cpython.PyLoop",
        "jloop.cpython.Refs",
        "jloop.cpython.Roots",
        "jloop.cpython.SocketMethods",
        "jloop.cpython.SocketObject",
        "jloop.cpython.TaskMethods",
        "jloop.cpython.Types",
        "jloop.cpython.Upcalls",
    ),
)

STREAMS = Work(
    compiled=(
        "jloop.engine.StreamChannel::consume",
        "jloop.engine.StreamChannel::flush",
        "jloop.cpython.ReadMemory::take",
        "jloop.cpython.SocketTransport::received",
        "jloop.cpython.StreamFeed::feed",
        "jloop.cpython.SocketTransport::feed",
        "jloop.cpython.SocketTransport::protocolBuffer",
        "jloop.engine.StreamChannel::readOnce",
        "jloop.engine.StreamChannel::readable",
        "jloop.cpython.TransportMethods::write",
        "jloop.cpython.TransportMethods::writelines",
        "jloop.cpython.TransportMethods::open",
        "jloop.cpython.TransportMethods::startReading",
        "jloop.cpython.TransportMethods::stopReading",
        "jloop.cpython.TransportMethods::closeChannel",
        "jloop.cpython.SocketMethods::tryAccept",
    ),
    inlined=(
        "jloop.engine.IoMemory::msghdr",
        "jloop.engine.StreamChannel::gather",
        "jloop.engine.StreamChannel::write",
        "jloop.engine.WriteQueue::add",
        "jloop.engine.WriteQueue::removeFirst",
        "jloop.cpython.ReadMemory::address",
        "jloop.cpython.SocketTransport::sharedBuffer",
        "jloop.cpython.StreamFeed::feedReader",
        "jloop.cpython.StreamFeed::wakeWaiter",
        "jloop.cpython.TransportMethods::add",
    ),
    classes=(
        "jloop.cpython.Buffers",
        "jloop.cpython.ReadMemory",
        "jloop.cpython.SocketTransport",
        "jloop.cpython.StreamFeed",
        "jloop.cpython.TransportMethods",
        "jloop.engine.StreamChannel",
        "jloop.engine.WriteQueue",
    ),
)

DATAGRAMS = Work(
    compiled=(
        "jloop.engine.DatagramChannel::receive",
        "jloop.engine.DatagramChannel::deliver",
        "jloop.cpython.DatagramMethods::sendto",
        "jloop.engine.DatagramChannel::send",
        "jloop.engine.DatagramChannel::flush",
        "jloop.engine.DatagramBatch::receive",
        "jloop.engine.DatagramChannel::gather",
        "jloop.cpython.DatagramTransport::sendTo",
        "jloop.cpython.DatagramTransport::queue",
        "jloop.cpython.Face::report",
        "jloop.engine.MessageVector::message",
        "jloop.engine.MessageVector::name",
        "jloop.engine.MessageVector::iovec",
        "jloop.engine.SocketName::word",
        "jloop.engine.SocketName::matches",
        "jloop.engine.SocketName::hash",
        "jloop.engine.SocketName::copyTo",
        "jloop.engine.DatagramQueue::length",
        "jloop.engine.DatagramQueue::owner",
        "jloop.engine.DatagramQueue::name",
        "jloop.engine.DatagramQueue::address",
    ),
    inlined=(
        "jloop.engine.DatagramBatch::take",
        "jloop.engine.DatagramChannel::lastOfRun",
        "jloop.engine.DatagramChannel::sendFirst",
        "jloop.engine.DatagramChannel::size",
        "jloop.engine.IoMemory::messages",
        "jloop.engine.IoMemory::takeBatch",
        "jloop.engine.MessageVector::bufferCount",
        "jloop.engine.linux.Messages::send",
        "jloop.engine.linux.Messages::sendTo",
        "jloop.cpython.DatagramTransport::received",
        "jloop.cpython.Peers::object",
    ),
    classes=(
        "jloop.engine.DatagramBatch",
        "jloop.engine.DatagramChannel",
        "jloop.engine.DatagramQueue",
        "jloop.engine.MessageVector",
        "jloop.engine.linux.Messages",
        "jloop.cpython.DatagramMethods",
        "jloop.cpython.DatagramTransport",
        "jloop.cpython.Peers",
        "jloop.cpython.Peers$Peer",
        "jloop.cpython.Text",
    ),
)

SOCKETS = Work(
    compiled=(
        "jloop.cpython.SocketMethods::tryRecv",
        "jloop.cpython.SocketMethods::trySend",
        "jloop.cpython.SocketMethods::send",
        "jloop.engine.DescriptorWatch::run",
        "jloop.engine.DescriptorWatch::ready",
        "jloop.engine.DescriptorWatch::apply",
        "jloop.engine.DescriptorWatch::reduce",
        "jloop.cpython.PyLoop::waitFor",
        "jloop.cpython.PyLoop::watcherOf",
        "jloop.cpython.PyLoop::keep",
        "jloop.cpython.FdWatcher::exchange",
        "jloop.cpython.FdWatcher::exchangeFuture",
        "jloop.cpython.FdWatcher::isKeptFor",
        "jloop.cpython.FdWatcher::handle",
        "jloop.cpython.SocketMethods::takes",
        "jloop.cpython.SocketObject::fd",
        "jloop.cpython.SocketObject::has",
        "jloop.engine.SocketCalls::result",
        "jloop.engine.SocketCalls::receive",
        "jloop.engine.SocketCalls::send",
    ),
    inlined=(
        "jloop.engine.DescriptorWatch::addWait",
        "jloop.engine.DescriptorWatch::removeWait",
        "jloop.engine.IoMemory::readBuffer",
        "jloop.engine.linux.Sockets::sendNow",
        "jloop.cpython.Arguments::exactly",
        "jloop.cpython.Arguments::natural",
        "jloop.cpython.FdWatcher::waitOver",
        "jloop.cpython.PyLoop::watcher",
        "jloop.cpython.Types::isOurs",
    ),
    classes=(
        "jloop.engine.DescriptorWatch",
        "jloop.engine.SocketCalls",
        "jloop.cpython.FdWatcher",
        "jloop.cpython.SocketMethods",
    ),
)

_begun: set[Work] = set()


class _Argument(ctypes.Structure):
    """The argument of Java's `WarmUp.begin`."""

    _fields_ = (
        ("loop", ctypes.c_size_t),
        ("classes", ctypes.c_char_p),
        ("inlined", ctypes.c_char_p),
        ("compiled", ctypes.c_char_p),
        ("compiles", ctypes.c_size_t),
        ("prints", ctypes.c_size_t),
    )


def begin(loop: Any, work: Work) -> None:
    """Let the compiler begin; once in a process, and nothing where it cannot. GIL held for some milliseconds.

    A loop was made, so the JVM runs, and a datagram transport before `DATAGRAMS`.
    """
    if work in _begun or _jvm.forked():
        return
    _begun.add(work)
    if not _jvm.has_cache():
        return
    with suppress(KeyError), _hotspot.white_box():  # KeyError: not HotSpot
        argument = _Argument(
            id(loop),
            " ".join((*_LOOP.classes, *work.classes)).encode(),
            " ".join((*_LOOP.inlined, *work.inlined)).encode(),
            " ".join((*_LOOP.compiled, *work.compiled)).encode(),
            *_hotspot.compiler_flags(),
        )
        _jvm.call_static("jloop/cpython/WarmUp", "begin", ctypes.addressof(argument))
