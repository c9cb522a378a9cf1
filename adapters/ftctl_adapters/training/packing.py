"""Pack several texts into one sequence, so that no time goes into padding."""

from collections.abc import Sequence


def pack(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Pack texts into sequences of at most ``limit`` tokens (best-fit decreasing); return indices.

    Args:
        lengths: of the texts, each at most ``limit``.
        limit: of a sequence.

    Returns:
        The numbers of the texts of every sequence. Open sequences are kept by the room they have left, and the rooms
        that occur as the bits of one number, so that the best fit is its lowest set bit from the text's length on.
    """
    packs: list[list[int]] = []
    with_room: dict[int, list[int]] = {}
    rooms = 0
    for number in sorted(range(len(lengths)), key=lambda number: -int(lengths[number])):
        size = int(lengths[number])
        fitting = rooms >> size
        if fitting:
            room = size + (fitting & -fitting).bit_length() - 1
            place = with_room[room].pop()
            rooms &= ~(0 if with_room[room] else 1 << room)
        else:
            room, place = limit, len(packs)
            packs.append([])
        packs[place].append(number)
        with_room.setdefault(room - size, []).append(place)
        rooms |= 1 << (room - size)
    return packs
