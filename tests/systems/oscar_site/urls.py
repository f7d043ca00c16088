"""The API alone; the shop's pages are not needed."""

from django.urls import include, path

urlpatterns = [path("api/", include("oscarapi.urls"))]
