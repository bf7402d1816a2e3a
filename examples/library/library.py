from library_pb2 import DESCRIPTOR, Book

from authsvc.transcoding.asgi import Application, Failure

BOOKS = {"books/1": Book(name="books/1", title="Dune", author="Frank Herbert", pages=412)}


class Library:
    async def GetBook(self, request, context):  # get: "/v1/{name=books/*}"
        if request.name not in BOOKS:
            raise Failure(5, "no such book")  # NOT_FOUND: 404
        return BOOKS[request.name]

    async def ListBooks(self, request, context):  # get: "/v1/books", returns (stream Book)
        for book in BOOKS.values():
            yield book

    async def PutBook(self, request, context):  # put: "/v1/{name=books/*}", body: "*"
        BOOKS[request.name] = request
        return request


app = Application(DESCRIPTOR.services_by_name["Library"], Library())
